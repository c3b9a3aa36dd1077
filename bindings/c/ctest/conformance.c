//go:build cgo

/* The conformance script (bindings/conformance/SCRIPT.md) in C. It reads the few
 * things that it needs out of the answers by hand: a program in earnest has a
 * JSON library. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../p2prc.h"
#include "ctest.h"

static int64_t node;

static void fail(const char *what)
{
	char *why = p2prc_error();
	fprintf(stderr, "%s: %s\n", what, why ? why : "no error");
	p2prc_free(why);
	exit(1);
}

static char *call(const char *method, const char *path, const void *body, size_t len)
{
	char *out;
	if (p2prc_call(node, method, path, body, len, &out, NULL) != P2PRC_OK)
		fail(path);
	return out;
}

/* The string or number of the first "key" in json, in one of a few rooms. */
static const char *value(const char *json, const char *key)
{
	static char rooms[8][256];
	static int next;
	char *room = rooms[next++ % 8], name[64];
	snprintf(name, sizeof name, "\"%s\":", key);
	const char *at = strstr(json, name);
	if (!at)
		return "";
	at += strlen(name);
	size_t n = *at == '"' ? strcspn(++at, "\"") : strcspn(at, ",}");
	snprintf(room, sizeof rooms[0], "%.*s", (int)n, at);
	return room;
}

static void join(void)
{
	char body[8192];
	snprintf(body, sizeof body, "{\"token\":\"%s\"}", getenv("P2PRC_TOKEN"));
	char *out = call("POST", "/v1/join", body, strlen(body));
	printf("join %s\n", value(out, "role"));
	p2prc_free(out);
}

static void list(void)
{
	char *out;
	for (int tries = 0; tries < 600; tries++) {
		out = call("GET", "/v1/peers?where=%22wasm%22%20in%20runtimes%20%26%26%20%21self", NULL, 0);
		if (strstr(out, "\"name\":"))
			break;
		p2prc_free(out);
		nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
	}
	printf("list %s\n", strstr(out, getenv("P2PRC_PEER")) ? getenv("P2PRC_PEER") : "");
	p2prc_free(out);
}

static void *contents(const char *path, size_t *len)
{
	static char room[1 << 20];
	FILE *f = fopen(path, "rb");
	if (!f)
		fail(path);
	*len = fread(room, 1, sizeof room, f);
	fclose(f);
	return room;
}

/* Reads a stream to its end; tells whether word was in it. */
static int reads(const char *path, const char *word, int once)
{
	static char line[1 << 20];
	int fd, seen = 0;
	if (p2prc_stream(node, "GET", path, NULL, 0, &fd) != P2PRC_OK)
		fail(path);
	FILE *f = fdopen(fd, "r");
	while (fgets(line, sizeof line, f)) {
		seen = seen || strstr(line, word);
		if (once)
			break;
	}
	fclose(f);
	return seen;
}

static void job(void)
{
	size_t len;
	void *module = contents(getenv("P2PRC_MODULE"), &len);
	char *out = call("POST", "/v1/blobs", module, len), body[1024], path[300];
	snprintf(body, sizeof body, "{\"module\":\"%s\",\"command\":[\"task\"],\"each\":[{\"name\":\"n\",\"from\":1,\"to\":100}],\"on\":[\"%s\"]}",
	         value(out, "id"), getenv("P2PRC_PEER"));
	p2prc_free(out);
	out = call("POST", "/v1/jobs", body, strlen(body));
	char id[64];
	snprintf(id, sizeof id, "%s", value(out, "id"));
	p2prc_free(out);
	snprintf(path, sizeof path, "/v1/jobs/%s/events", id);
	int seen = reads(path, "\"done\":", 0);
	snprintf(path, sizeof path, "/v1/jobs/%s", id);
	out = call("GET", path, NULL, 0);
	const char *tasks = strstr(out, "\"tasks\":");
	printf("job %s %s/%s progress %s\n", value(out, "state"), tasks ? value(tasks, "done") : "", tasks ? value(tasks, "total") : "", seen ? "yes" : "no");
	p2prc_free(out);
}

static void container(void)
{
	const char *image = getenv("P2PRC_IMAGE");
	if (!image || !*image) {
		puts("container no engine");
		return;
	}
	char body[600], path[300];
	snprintf(body, sizeof body, "{\"name\":\"conformance\",\"image\":\"%s\",\"needs\":{\"cpu\":0.25}}", image);
	snprintf(path, sizeof path, "/v1/peers/%s/containers", getenv("P2PRC_PEER"));
	char *out = call("POST", path, body, strlen(body));
	const char *made = strstr(out, "\"container\":");
	printf("container %s ", made ? value(made, "state") : "none");
	p2prc_free(out);
	p2prc_free(call("DELETE", "/v1/containers/conformance", NULL, 0));
	out = call("GET", "/v1/containers", NULL, 0);
	puts(strstr(out, "\"conformance\"") ? "still there" : "removed");
	p2prc_free(out);
}

static void map(void)
{
	const char *body = "{\"port\":9,\"any\":true}";
	char path[300], *out = call("POST", "/v1/mappings", body, strlen(body));
	printf("map %s ", value(out, "state"));
	snprintf(path, sizeof path, "/v1/mappings/%s", value(out, "id"));
	p2prc_free(out);
	p2prc_free(call("DELETE", path, NULL, 0));
	out = call("GET", "/v1/mappings", NULL, 0);
	puts(strstr(out, "\"id\"") ? "still there" : "removed");
	p2prc_free(out);
}

static void error(void)
{
	int32_t status = p2prc_call(node, "GET", "/v1/jobs/01J00000000000000000000000", NULL, 0, NULL, NULL);
	char *why = p2prc_error();
	printf("error %s %s\n", status == P2PRC_NOT_FOUND ? value(why, "kind") : "none", *value(why, "detail") ? "yes" : "no");
	p2prc_free(why);
}

int conformance(const char *way)
{
	char settings[600];
	int own = strcmp(way, "process") == 0;
	snprintf(settings, sizeof settings, own ? "{\"home\":\"%s\",\"config\":{\"name\":\"own\",\"mdns\":false,\"lend\":{\"enabled\":false}}}" : "{\"home\":\"%s\"}",
	         getenv(own ? "P2PRC_OWN_HOME" : "P2PRC_SOCKET_HOME"));
	if (p2prc_new(&node) || p2prc_configure(node, settings) || (own && p2prc_start(node)))
		fail("start");
	join();
	list();
	job();
	container();
	map();
	error();
	reads("/v1/events?follow=true", "", 1);
	puts("end yes");
	fflush(stdout);
	return p2prc_close(node) == P2PRC_OK ? 0 : 1;
}
