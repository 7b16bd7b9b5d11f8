/* Bodies of messages, as plain files: the only room that knows where a message's file is. It knows no rows.
 *
 * `folder` is an account's, as blob_account_folder() gives it. In it:
 *   mail/YYYY-MM/<id>.eml      a message; the month is that of the id (ids hold a time)
 *   mail/YYYY-MM/<id>.new      one that is being written; left over after a crash, then cleaned
 *   mail/YYYY-MM/<id>.eml.damaged    what was put aside
 *   arrived/                   letters that nobody has taken in yet, see arrived.c
 * What has its final name is never written to. Nothing here waits for the disk. Any thread. */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include <limits.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/blob/arrival.h"

enum {
	BLOB_HASH_SIZE = 32,
	BLOB_FOLDER_MAX = PATH_MAX - 160, /* leaves room for every name inside */
};

/* ---- Folders: path.c, tree.c ---- */

/** The folder of an account under a data directory, malloc'ed; NULL with ERROR_INVALID if no account can have that name. */
char *blob_account_folder(const char *data, struct slice name, struct error *error);
/** Undoes the encoding of one part of it; false if blob_account_folder() never wrote it. */
bool blob_decode(struct slice part, struct buf *out);
/** Makes what a new account's folder holds, and the folder. */
bool blob_make_folder(const char *folder, struct error *error);
/** Removes the folder with everything in it. */
bool blob_remove_tree(const char *path, struct error *error);
/** Removes what crashes left of drafts, and what was put aside, where it is older than `before`. */
bool blob_clean(const char *folder, int64_t before, struct error *error);

/* ---- Content: content.c ---- */

/** SHA-256. */
void blob_hash(struct slice content, unsigned char out[BLOB_HASH_SIZE]);
/** Maps a message for reading; an empty one is the empty slice. *dated is the file's time (may be NULL). blob_unmap() gives it back. */
bool blob_map(const char *folder, int64_t id, struct slice *content, int64_t *dated, struct error *error);
/** The same for an open file. */
bool blob_map_open(int fd, struct slice *content, int64_t *dated, struct error *error);
/** The same for a draft by its temporary name. */
bool blob_map_draft(const char *path, struct slice *content, struct error *error);
void blob_unmap(struct slice content);
enum blob_state { BLOB_FINE, BLOB_MISSING, BLOB_DIFFERENT, BLOB_UNREADABLE };
/** Compares a message's file with what was noted of it. */
enum blob_state blob_check(const char *folder, int64_t id, uint64_t size, struct slice hash, struct error *error);

/* ---- Drafts, which have a temporary name: put.c ---- */

/** Makes an empty one, to be written through the descriptor. -1 with *error. */
int blob_new(const char *folder, char path[PATH_MAX], struct error *error);
/** Makes one of another account's message, of that size: a hard link to it, or a copy where there can be none. */
bool blob_new_linked(const char *folder, const char *other, int64_t id, uint64_t size, char path[PATH_MAX], struct error *error);
/** Makes one of an open file by a hard link. False: there can be none. */
bool blob_new_from(const char *folder, int fd, char path[PATH_MAX]);
/** Gives the open draft its date. 0: none. */
bool blob_date(int fd, int64_t received, struct error *error);
/** Gives a draft its final name, which takes the place of *path. */
bool blob_put(const char *folder, int64_t id, char **path, struct error *error);
/** Makes a message's file anew, unless it is there and as it should be. */
bool blob_restore(const char *folder, int64_t id, struct slice content, const unsigned char hash[BLOB_HASH_SIZE], int64_t received, struct error *error);

/* ---- Messages: file.c, reader.c ---- */

/** Opens it for reading; the descriptor is the caller's. ERROR_INVALID: it is missing, or not of that size. */
int blob_open(const char *folder, int64_t id, uint64_t size, struct error *error);
/** Can it be read? */
bool blob_is_there(const char *folder, int64_t id);
/** Removes it; that it isn't there is fine. */
bool blob_remove(const char *folder, int64_t id, struct error *error);
/** Keeps what may be damaged under another name. */
void blob_put_aside(const char *folder, int64_t id);
/** Calls `visit` for every message's file (*.eml), with its id, 0 if its name holds none, and its path. */
bool blob_list(const char *folder, bool (*visit)(void *context, int64_t id, const char *path, struct error *error), void *context, struct error *error);
/** Is the path the one that the message's file has? */
bool blob_is_right(const char *folder, int64_t id, const char *path);
/** Moves it there, if nothing is there. */
bool blob_set_right(const char *folder, int64_t id, const char *path);

/** Who reads the files of many messages. One thread at a time. */
struct blob_reader {
	char *folder; /* the account's; blob_reader_end() frees it */
	int month;    /* the folder of a month; -1: none is open */
};
void blob_reader_end(struct blob_reader *reader);
/** False: the file isn't there, or isn't of that size. `content` has room for size + 1 bytes. */
bool blob_reader_read(struct blob_reader *reader, int64_t id, uint64_t size, char *content);

/* ---- Letters that wait to be taken in: arrived.c ---- */

/** Puts a letter there; arrival->delivery_id and received are given. ERROR_NOT_FOUND: there is no such account. */
bool blob_arrive(const char *folder, struct slice content, struct arrival *arrival, struct error *error);
/** The same with a draft that is whole, dated and known by size and hash. */
bool blob_arrive_draft(const char *folder, const char *path, struct arrival *arrival, struct error *error);
/** The same with the content of a letter that arrived in another account, by a hard link. False: it can't be; write it. */
bool blob_arrive_linked(const char *folder, const char *other, const struct arrival *from, struct arrival *arrival);
/** Those that wait, in the order in which they came; the list is the caller's to free. Their size and date aren't known yet. */
struct blob_arrivals { struct arrival *at; size_t count, room; };
bool blob_list_arrivals(const char *folder, struct blob_arrivals *list, struct error *error);
/** When one came or went last, in nanoseconds; 0: never. */
int64_t blob_arrivals_changed(const char *folder);
void blob_arrival_path(const char *folder, const struct arrival *arrival, char out[PATH_MAX]);
/** Maps the letter, and finds out its date. */
bool blob_map_arrival(const char *folder, struct arrival *arrival, struct slice *content, struct error *error);
/** Is it what its name says? */
bool blob_is_what_arrived(const struct arrival *arrival, struct slice content);
/** Gives the letter its place as message `id`, beside the one that it has. */
enum blob_place { BLOB_PLACED, BLOB_PLACE_TAKEN, BLOB_NOT_PLACED };
enum blob_place blob_place_arrival(const char *folder, const struct arrival *arrival, int64_t id);
/** Removes what a try has placed under the letter's own id. */
void blob_displace_arrival(const char *folder, const struct arrival *arrival);
/** Keeps a damaged one under another name. False: it can't be. */
bool blob_put_arrival_aside(const char *folder, const struct arrival *arrival);

#endif
