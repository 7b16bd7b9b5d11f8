/* Where the files of this room are: nobody else builds these paths. */
#ifndef STORE_BLOB_INTERNAL_H
#define STORE_BLOB_INTERNAL_H

#include "store/blob/blob.h"

void blob_path_of_month(const char *folder, int64_t id, char out[PATH_MAX]);
void blob_path_of_message(const char *folder, int64_t id, char out[PATH_MAX]);
void blob_path_of_arrivals(const char *folder, char out[PATH_MAX]);
/** A name for a new draft, in a folder that exists (it is made). */
bool blob_path_of_draft(const char *folder, char out[PATH_MAX], struct error *error);
/** Are both names of one file? */
bool blob_is_same(const char *a, const char *b);

#endif
