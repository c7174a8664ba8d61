/* Copyright (c) 2026 homelab.talos contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* What a sample app needs of wasi:http and of Spin, without a C library.
 *
 * An app defines answer(). Every request gets an instance of its own, so nothing has to be given back.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdint.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

struct text {
    const char *bytes;
    uint32_t length;
};

struct answer {
    int32_t status;
    char body[512];
    uint32_t length;
};

/* Writes the answer to a request for a path with query. */
void answer(struct text path, struct answer *answer);

/* Appends text, which ends with a zero byte, as far as there is room. */
static void say(struct answer *answer, const char *text) {
    while (*text && answer->length < sizeof answer->body) answer->body[answer->length++] = *text++;
}

static void say_number(struct answer *answer, uint32_t number) {
    char digits[11];
    uint32_t position = sizeof digits;
    digits[--position] = 0;
    do digits[--position] = '0' + number % 10;
    while (number /= 10);
    say(answer, digits + position);
}

/* Tells whether a path with query has this path. */
static int is_path(struct text text, const char *path) {
    uint32_t position = 0;
    while (path[position] && position < text.length && text.bytes[position] == path[position]) position++;
    return !path[position] && (position == text.length || text.bytes[position] == '?');
}

/* Returns the value of a query's parameter, of length 0 when there is none. */
static struct text parameter(struct text path, const char *name) {
    struct text value = {path.bytes, 0};
    uint32_t position = 0;
    while (position < path.length && path.bytes[position] != '?') position++;
    while (position < path.length) {
        const char *expected = name;
        position++;
        while (*expected && position < path.length && path.bytes[position] == *expected) position++, expected++;
        if (!*expected && position < path.length && path.bytes[position] == '=') {
            value.bytes = path.bytes + ++position;
            while (position < path.length && path.bytes[position] != '&') position++, value.length++;
            return value;
        }
        while (position < path.length && path.bytes[position] != '&') position++;
    }
    return value;
}

static uint32_t number_of(struct text text) {
    uint32_t number = 0;
    for (uint32_t i = 0; i < text.length; i++) number = number * 10 + (uint32_t)(text.bytes[i] - '0');
    return number;
}

#endif
