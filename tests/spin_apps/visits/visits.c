/* Copyright (c) 2026 homelab.talos contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* Counts its requests in the key-value store and answers the count. */
#include "../guest/http.h"

#define STORE "fermyon:spin/key-value@2.0.0"

IMPORT(STORE, "[static]store.open") void store_open(const char *label, uint32_t length, int32_t *result);
IMPORT(STORE, "[method]store.get") void store_get(int32_t store, const char *key, uint32_t length, int32_t *result);
IMPORT(STORE, "[method]store.set")
void store_set(int32_t store, const char *key, uint32_t key_length, const char *value, uint32_t length, int32_t *result);

/* Results have the sign of an error in their first word, and what they carry behind it. */
static void fail(struct answer *answer, const char *what, int32_t error) {
    answer->status = 500;
    say(answer, what);
    say(answer, ": error ");
    say_number(answer, (uint32_t)error);
    say(answer, "\n");
}

void answer(struct text path, struct answer *answer) {
    int32_t opened[4], got[4], set[4];
    store_open("default", 7, opened);
    if (opened[0] & 1) return fail(answer, "the store cannot be opened", opened[1] & 255);
    store_get(opened[1], "visits", 6, got);
    if (got[0] & 1) return fail(answer, "the count cannot be read", got[1] & 255);
    struct text value = {(const char *)got[2], got[1] & 1 ? (uint32_t)got[3] : 0};
    uint32_t count = number_of(value);
    if (!is_path(path, "/read")) count++;
    struct answer text = {0};
    say_number(&text, count);
    if (!is_path(path, "/read")) {
        store_set(opened[1], "visits", 6, text.body, text.length, set);
        if (set[0] & 1) return fail(answer, "the count cannot be kept", set[1] & 255);
    }
    say_number(answer, count);
    say(answer, "\n");
}
