/* What a blob's id stands for (RFC 8620 §6): an upload, a message, or a part of one. A message's blob is "b" and its number, an upload's "u", a photo's of a card "p" and its hash; that of a part the blob that it is in, "-",
 * and its partId: so no table of them is kept, and an id is worth nothing in another account. */
#ifndef JMAP_BLOB_H
#define JMAP_BLOB_H

#include "jmap/internal.h"

enum {
	JMAP_ID_BLOB = 'b',   /* of a message */
	JMAP_ID_UPLOAD = 'u',
	JMAP_BLOB_DEPTH_MAX = 16, /* messages inside one another that a part is looked for in */
};

/** The bytes of a blob, until it is closed. */
struct jmap_blob {
	struct slice bytes;
	struct slice type;    /* of a part's header, in `room`; empty: not known */
	char room[256];
	/* whose they are */
	void *map;            /* a file, or NULL */
	size_t map_size;
	int fd;               /* … ; -1: none */
	struct buf decoded;   /* a part's content, where it was encoded */
};

/** Opens a blob: a message, an upload, or a part of one. False: ERROR_NOT_FOUND, or it can't be read now. */
bool jmap_account_blob_open(struct account *account, struct slice id, struct jmap_blob *blob, struct error *error);
/** The same of the call's account. */
bool jmap_blob_open(struct jmap_call *call, struct slice id, struct jmap_blob *blob, struct error *error);
void jmap_blob_close(struct jmap_blob *blob);

/** What is announced of RFC 9404. */
json_t *jmap_about_blobs(const struct jmap_request *request);
enum net_run jmap_blob_upload(struct jmap_call *call);
enum net_run jmap_blob_get(struct jmap_call *call);
enum net_run jmap_blob_lookup(struct jmap_call *call);
enum net_run jmap_blob_copy(struct jmap_call *call);

/** The message's own blob id. */
json_t *jmap_message_blob(int64_t message);

#endif
