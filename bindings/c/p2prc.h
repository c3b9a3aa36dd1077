/*
 * P2PRC as a library: a node in your process, and its whole API.
 *
 *     int64_t node;
 *     char *out;
 *     p2prc_new(&node);
 *     p2prc_configure(node, "{\"home\": \"/srv/farm\", \"config\": {\"name\": \"farm\"}}");
 *     if (p2prc_start(node) != P2PRC_OK) { char *e = p2prc_error(); puts(e); p2prc_free(e); }
 *     if (p2prc_call(node, "GET", "/v1/peers", NULL, 0, &out, NULL) == P2PRC_OK) { puts(out); p2prc_free(out); }
 *     p2prc_close(node);
 *
 * Every function may be called from any thread, also at the same time for one
 * node. A function that can fail answers a status, P2PRC_OK or a kind of error
 * (p2prc_status.h); data comes out by pointers, which are set when the status is
 * P2PRC_OK and are NULL, 0 or -1 otherwise. Nothing that you pass is kept.
 *
 * The routes are those of docs/api.md, their forms those of node/openapi.json.
 */
#ifndef P2PRC_H
#define P2PRC_H

#include <stddef.h>
#include <stdint.h>

#include "p2prc_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a node, which does nothing yet. Its number is used by all that follows;
 * numbers are not used again. Close it with p2prc_close. */
int32_t p2prc_new(int64_t *node);

/* Says what the node is, before anything else is done with it (else
 * P2PRC_CONFLICT): JSON with any of
 *   "home":   the folder it lives in; $P2PRC, else ~/.p2prc, without
 *   "agent":  the command that becomes the agent in sandboxes, a list of words;
 *             ["PATH/OF/p2prc", "agent"], with the p2prc on PATH or in the home, without
 *   "config": keys of config.json to change before the start
 * A key that is not known is P2PRC_INVALID. */
int32_t p2prc_configure(int64_t node, const char *json);

/* Runs the node in this process and comes back when it is ready. P2PRC_CONFLICT
 * when another process runs a node in this home. Leave it out to speak to that one. */
int32_t p2prc_start(int64_t node);

/* Asks a route of the API and waits for the whole of its answer, which ends with a
 * zero byte that out_len does not count; an answer may hold others. body is JSON, or
 * bytes for POST to /v1/blobs (any), /v1/trees and /v1/images (a tar); NULL and 0 where
 * a route takes none. out and out_len may be NULL. Free *out with p2prc_free.
 * Answers of more than 256 MiB are P2PRC_TOO_LARGE: read them with p2prc_stream. */
int32_t p2prc_call(int64_t node, const char *method, const char *path, const void *body, size_t body_len,
                   char **out, size_t *out_len);

/* The same for an answer that goes on: *fd is a file descriptor to read and to
 * close(2) when you have had enough. Routes that stream have one JSON value a line;
 * one that failed ends with {"problem": ...}, also when the node went away. */
int32_t p2prc_stream(int64_t node, const char *method, const char *path, const void *body, size_t body_len, int *fd);

/* Frees a string that a function of this library gave you. NULL is fine; any other
 * pointer, and one freed before, is P2PRC_INVALID and nothing happens. */
int32_t p2prc_free(char *text);

/* The last error of the calling thread as a JSON object with "kind", "detail" and,
 * where there is something to do, "hint"; NULL if it had none. Free it. */
char *p2prc_error(void);

/* Ends the node and all that is done with it, and waits until that has ended: a call
 * that hangs returns P2PRC_CANCELED, a stream ends. A node that was not started
 * here goes on. The number is unknown from then on (P2PRC_NOT_FOUND). */
int32_t p2prc_close(int64_t node);

/* The version of this library. Free it. */
char *p2prc_version(void);

#ifdef __cplusplus
}
#endif
#endif
