/*
 * folder.h -- a folder for one test, gone after it, and the log in it.
 */
#ifndef AICERT_TESTS_REGISTRY_FOLDER_H
#define AICERT_TESTS_REGISTRY_FOLDER_H

#include "registry/store.h"
#include "registry/tree.h"

#define FOLDER_MAX 4096

struct folder {
	char path[FOLDER_MAX];
};

/* Make it, or fail the test. */
void folder_make(struct folder *f);

/* Remove it with everything in it. */
void folder_remove(struct folder *f);

/* Its file of that name; valid until the next call. */
const char *folder_file(struct folder *f, const char *name);

/* A new database in it, open for writing. */
struct store *folder_store(struct folder *f);

/* An entry about number i, by one key; borrows static memory until the next. */
struct store_entry folder_entry(uint64_t i);

/* Its leaf's body; the caller frees it. */
struct buf folder_body(uint64_t i);

/* Commit entries head->size..size and their head, which *head becomes. */
void folder_grow(struct store *s, struct tree *t, struct store_head *head,
    uint64_t size);

#endif
