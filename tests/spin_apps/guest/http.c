/* Copyright (c) 2026 homelab.talos contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* The export wasi:http/incoming-handler@0.2.0: asks for the path, lets the app answer, sends what it says. */
#include "http.h"

#define TYPES "wasi:http/types@0.2.0"
#define STREAMS "wasi:io/streams@0.2.0"

IMPORT(TYPES, "[constructor]fields") int32_t fields_new(void);
IMPORT(TYPES, "[method]incoming-request.path-with-query") void request_path(int32_t request, int32_t *path);
IMPORT(TYPES, "[constructor]outgoing-response") int32_t response_new(int32_t fields);
IMPORT(TYPES, "[method]outgoing-response.set-status-code") int32_t response_set_status(int32_t response, int32_t status);
IMPORT(TYPES, "[method]outgoing-response.body") void response_body(int32_t response, int32_t *body);
IMPORT(TYPES, "[method]outgoing-body.write") void body_write(int32_t body, int32_t *stream);
IMPORT(TYPES, "[static]response-outparam.set")
void outparam_set(int32_t out, int32_t is_error, int32_t response, int32_t, int64_t, int32_t, int32_t, int32_t, int32_t);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush")
void stream_write(int32_t stream, const char *bytes, uint32_t length, int32_t *result);
IMPORT(STREAMS, "[resource-drop]output-stream") void stream_drop(int32_t stream);

__attribute__((export_name("wasi:http/incoming-handler@0.2.0#handle"))) void handle(int32_t request, int32_t out) {
    int32_t path[3], body[2], stream[2], written[3];
    struct answer said = {.status = 200};
    request_path(request, path);
    struct text text = {path[0] & 1 ? (const char *)path[1] : "", path[0] & 1 ? (uint32_t)path[2] : 0};
    answer(text, &said);
    int32_t response = response_new(fields_new());
    response_set_status(response, said.status);
    response_body(response, body);
    outparam_set(out, 0, response, 0, 0, 0, 0, 0, 0);
    body_write(body[1], stream);
    stream_write(stream[1], said.body, said.length, written);
    stream_drop(stream[1]);
}

/* The compiler may turn loops into calls of these two. */
void *memcpy(void *to, const void *from, unsigned long count) {
    volatile char *target = to;
    const char *source = from;
    while (count--) *target++ = *source++;
    return to;
}

void *memset(void *to, int value, unsigned long count) {
    volatile char *target = to;
    while (count--) *target++ = (char)value;
    return to;
}
