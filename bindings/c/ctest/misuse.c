//go:build cgo

/* What a C program can do wrong: nothing of it may crash, hang or corrupt. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../p2prc.h"
#include "ctest.h"

static int failures;

#define CHECK(got, want)                                                                                   \
	do {                                                                                               \
		int64_t is = (got);                                                                        \
		if (is != (want)) {                                                                        \
			fprintf(stderr, "%s:%d: %s is %lld\n", __FILE__, __LINE__, #got, (long long)is);   \
			__atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);                                \
		}                                                                                          \
	} while (0)

static void nulls(int64_t n)
{
	char *out = (char *)1;
	size_t len = 1;
	int fd = 1;
	CHECK(p2prc_new(NULL), P2PRC_INVALID);
	CHECK(p2prc_configure(n, NULL), P2PRC_INVALID);
	CHECK(p2prc_call(n, NULL, "/v1/status", NULL, 0, &out, &len), P2PRC_INVALID);
	CHECK(out == NULL && len == 0, 1);
	CHECK(p2prc_call(n, "GET", NULL, NULL, 0, &out, &len), P2PRC_INVALID);
	CHECK(p2prc_call(n, "POST", "/v1/blobs", NULL, 5, &out, &len), P2PRC_INVALID);
	CHECK(p2prc_stream(n, "GET", "/v1/events", NULL, 0, NULL), P2PRC_INVALID);
	CHECK(p2prc_stream(n, NULL, NULL, NULL, 0, &fd), P2PRC_INVALID);
	CHECK(fd, -1);
	CHECK(p2prc_free(NULL), P2PRC_OK);
	char *why = p2prc_error();
	CHECK(why && strstr(why, "\"kind\":\"invalid\"") != NULL, 1);
	CHECK(p2prc_free(why), P2PRC_OK);
}

static void numbers(void)
{
	int64_t wrong[] = {0, -1, 1LL << 62, 999999};
	char *out;
	int fd;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		CHECK(p2prc_configure(wrong[i], "{}"), P2PRC_NOT_FOUND);
		CHECK(p2prc_start(wrong[i]), P2PRC_NOT_FOUND);
		CHECK(p2prc_call(wrong[i], "GET", "/v1/status", NULL, 0, &out, NULL), P2PRC_NOT_FOUND);
		CHECK(p2prc_stream(wrong[i], "GET", "/v1/status", NULL, 0, &fd), P2PRC_NOT_FOUND);
		CHECK(p2prc_close(wrong[i]), P2PRC_NOT_FOUND);
	}
	CHECK(p2prc_configure(wrong[0], "{"), P2PRC_NOT_FOUND);
	int64_t n;
	CHECK(p2prc_new(&n), P2PRC_OK);
	CHECK(p2prc_configure(n, "{\"hoem\": 1}"), P2PRC_INVALID);
	CHECK(p2prc_configure(n, "no JSON"), P2PRC_INVALID);
	CHECK(p2prc_close(n), P2PRC_OK);
	CHECK(p2prc_close(n), P2PRC_NOT_FOUND);
	CHECK(p2prc_call(n, "GET", "/v1/status", NULL, 0, &out, NULL), P2PRC_NOT_FOUND);
}

static void strings(int64_t n)
{
	char *out, *version = p2prc_version();
	size_t len;
	CHECK(p2prc_call(n, "GET", "/v1/status", NULL, 0, &out, &len), P2PRC_OK);
	CHECK(len == strlen(out) && strstr(out, "\"id\"") != NULL, 1);
	CHECK(p2prc_free(out), P2PRC_OK);
	CHECK(p2prc_free(out), P2PRC_INVALID);
	CHECK(p2prc_free((char *)"mine"), P2PRC_INVALID);
	CHECK(p2prc_free(version), P2PRC_OK);
	CHECK(p2prc_call(n, "GET", "/v1/status", NULL, 0, NULL, NULL), P2PRC_OK);
	CHECK(p2prc_call(n, "BREW", "/v1/status", NULL, 0, NULL, NULL), P2PRC_NOT_FOUND);
	CHECK(p2prc_call(n, "GET", "nowhere", NULL, 0, NULL, NULL), P2PRC_INVALID);
	CHECK(p2prc_call(n, "POST", "/v1/jobs", "{", 1, NULL, NULL) != P2PRC_OK, 1);

	char zeros[3] = {0, 1, 0}, path[200];
	CHECK(p2prc_call(n, "POST", "/v1/blobs", zeros, 3, &out, NULL), P2PRC_OK);
	snprintf(path, sizeof path, "/v1/blobs/%.64s", strstr(out, "\"id\":\"") + 6);
	p2prc_free(out);
	CHECK(p2prc_call(n, "GET", path, NULL, 0, &out, &len), P2PRC_OK);
	CHECK(len == 3 && memcmp(out, zeros, 3) == 0, 1);
	p2prc_free(out);
}

static void streams(int64_t n)
{
	int fd;
	char c;
	for (int i = 0; i < 20; i++) { /* left before their end */
		CHECK(p2prc_stream(n, "GET", "/v1/events?follow=true", NULL, 0, &fd), P2PRC_OK);
		close(fd);
	}
	CHECK(p2prc_stream(n, "GET", "/v1/events", NULL, 0, &fd), P2PRC_OK);
	while (read(fd, &c, 1) == 1)
		;
	close(fd);
}

static void *work(void *arg)
{
	int64_t n = *(int64_t *)arg;
	for (int i = 0; i < 20; i++) {
		char *out = NULL;
		int fd;
		CHECK(p2prc_call(n, "GET", "/v1/peers", NULL, 0, &out, NULL), P2PRC_OK);
		CHECK(p2prc_free(out), P2PRC_OK);
		CHECK(p2prc_call(n, "GET", "/v1/jobs/01J00000000000000000000000", NULL, 0, &out, NULL), P2PRC_NOT_FOUND);
		char *why = p2prc_error();
		CHECK(why && strstr(why, "not_found") != NULL, 1);
		p2prc_free(why);
		CHECK(p2prc_stream(n, "GET", "/v1/events", NULL, 0, &fd), P2PRC_OK);
		close(fd);
		int64_t mine;
		CHECK(p2prc_new(&mine), P2PRC_OK);
		CHECK(p2prc_close(mine), P2PRC_OK);
		CHECK(p2prc_close(mine), P2PRC_NOT_FOUND);
	}
	return NULL;
}

static void *hang(void *arg)
{
	int32_t status = p2prc_call(*(int64_t *)arg, "GET", "/v1/events?follow=true", NULL, 0, NULL, NULL);
	CHECK(status == P2PRC_CANCELED || status == P2PRC_NOT_FOUND, 1); /* the latter if the close came first */
	return NULL;
}

int misuse(const char *home)
{
	int64_t n;
	char settings[600];
	numbers();
	CHECK(p2prc_new(&n), P2PRC_OK);
	snprintf(settings, sizeof settings, "{\"home\":\"%s\",\"config\":{\"mdns\":false,\"lend\":{\"enabled\":false}}}", home);
	CHECK(p2prc_configure(n, settings), P2PRC_OK);
	CHECK(p2prc_start(n), P2PRC_OK);
	CHECK(p2prc_start(n), P2PRC_CONFLICT);
	CHECK(p2prc_configure(n, settings), P2PRC_CONFLICT);
	nulls(n);
	strings(n);
	streams(n);

	enum { threads = 16 };
	pthread_t all[threads];
	for (int i = 0; i < threads; i++)
		pthread_create(&all[i], NULL, work, &n);
	for (int i = 0; i < threads; i++)
		pthread_join(all[i], NULL);

	/* A close while a call hangs: it returns, and a stream that was being read ends. */
	pthread_t hung;
	int fd;
	char rest[1 << 16];
	CHECK(p2prc_call(n, "POST", "/v1/lend/pause", NULL, 0, NULL, NULL), P2PRC_OK); /* an event to read */
	CHECK(p2prc_stream(n, "GET", "/v1/events?follow=true", NULL, 0, &fd), P2PRC_OK);
	pthread_create(&hung, NULL, hang, &n);
	CHECK(read(fd, rest, sizeof rest) > 0, 1);
	CHECK(p2prc_close(n), P2PRC_OK);
	pthread_join(hung, NULL);
	while (read(fd, rest, sizeof rest) > 0)
		;
	close(fd);
	CHECK(p2prc_close(n), P2PRC_NOT_FOUND);
	return failures;
}
