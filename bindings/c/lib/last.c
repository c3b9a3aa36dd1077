//go:build cgo && !windows

#include "last.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A key, not _Thread_local: Go's library wants its thread-local room at load time,
 * and there are 1-2 KiB of that for all libraries that a program loads later. */
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void) { pthread_key_create(&key, free); }

void p2prc_last_set(const char *text)
{
	pthread_once(&once, make);
	free(pthread_getspecific(key));
	pthread_setspecific(key, strdup(text));
}

const char *p2prc_last_get(void)
{
	pthread_once(&once, make);
	const char *text = pthread_getspecific(key);
	return text ? text : "";
}
