/* Adding messages in batches. A message is known by the hash of its content, its mailbox, and which of several equal ones
 * it is: so an import that is repeated, or goes on where one was broken off, adds nothing twice, and equal messages of the
 * source all come over. The store keeps with each what its flags were when it was brought: from that a later import tells what
 * was changed there from what was changed here. */
#include "cli/import.h"

#include <openssl/evp.h>

#include "base/array.h"
#include "base/memory.h"
#include "cli/folder_names.h"
#include "cli/mail_folders.h"

/* ---- Where to ---- */

/* What --map says of the name; empty: nothing. */
static struct slice mapped(const struct cli_import *import, struct slice mailbox)
{
	struct slice line, old, new;
	for (struct slice rest = import->map; rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_cut(line, '=', &old, &new) && slice_equal(old, mailbox))
			return new;
	}
	return SLICE("");
}

/* The mailbox here that is for this, if there is one. */
static bool find_by_use(struct cli_import *import, enum special_use use, struct mailbox *found, struct error *error)
{
	struct mailbox *list;
	size_t count;
	if (use == USE_NONE || !mailbox_list(import->account, import->arena, &list, &count, error))
		return false;
	for (size_t i = 0; i < count; i++)
		if (list[i].use == use) {
			*found = list[i];
			return true;
		}
	return false;
}

static bool find_or_make(struct cli_import *import, struct slice mailbox, struct mailbox *found, struct error *error)
{
	if (mailbox_find(import->account, mailbox, import->arena, found, error) && found->selectable)
		return true;
	if (find_by_use(import, cli_folder_use(mailbox), found, error))
		return true;
	return mailbox_create(import->account, mailbox, USE_NONE, error) &&
	       mailbox_find(import->account, mailbox, import->arena, found, error) && mailbox_subscribe(import->account, mailbox, true, error);
}

bool cli_import_into(struct cli_import *import, struct slice mailbox, struct error *error)
{
	struct mailbox found;
	struct slice other = mapped(import, mailbox);
	if (!find_or_make(import, cli_mailbox_name_mend(other.len > 0 ? other : mailbox, import->arena), &found, error))
		return false;
	import->mailbox = found.name;
	import->mailbox_id = found.id;
	map_put(import->visited, found.name, import);
	return true;
}

/* ---- Naming ---- */

static void digest(struct slice first, struct slice second, unsigned char out[IMPORT_DIGEST_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	EVP_DigestUpdate(context, first.at, first.len);
	EVP_DigestUpdate(context, second.at, second.len);
	EVP_DigestFinal_ex(context, out, NULL);
	EVP_MD_CTX_free(context);
}

/* Of the `times`-th message with this content in that mailbox. Negative, so that it is never that of a delivery. */
static int64_t name_of(const unsigned char content[IMPORT_DIGEST_SIZE], struct slice mailbox, uint64_t times)
{
	unsigned char both[IMPORT_DIGEST_SIZE];
	uint64_t number;
	digest(slice_make((const char *)content, IMPORT_DIGEST_SIZE), mailbox, both);
	memcpy(&number, both, sizeof number);
	number += times * UINT64_C(0x9e3779b97f4a7c15);
	return (int64_t)(number | UINT64_C(1) << 63);
}

static struct slice id_key(const int64_t *id) { return slice_make((const char *)id, sizeof *id); }

static int64_t name_next(struct cli_import *import, const unsigned char content[IMPORT_DIGEST_SIZE])
{
	int64_t first = name_of(content, import->mailbox, 0);
	uintptr_t times = (uintptr_t)map_get(import->seen, id_key(&first));
	map_put(import->seen, id_key(&first), (void *)(times + 1));
	int64_t id = name_of(content, import->mailbox, times);
	map_put(import->seen_ids, id_key(&id), import);
	return id;
}

/* ---- What is there already ---- */

static bool has_word(struct slice list, struct slice wanted)
{
	struct slice word;
	while (list.len > 0) {
		slice_cut(list, ' ', &word, &list);
		if (slice_equal_nocase(word, wanted))
			return true;
	}
	return false;
}

/* The words of `list` that `other` doesn't have. */
static struct slice words_without(struct slice list, struct slice other, struct arena *arena)
{
	struct buf out = BUF(list.len + 1);
	struct slice word;
	while (list.len > 0) {
		slice_cut(list, ' ', &word, &list);
		if (word.len == 0 || has_word(other, word))
			continue;
		buf_append_text(&out, out.len > 0 ? " " : "");
		buf_append(&out, word);
	}
	struct slice words = out.len > 0 ? arena_copy(arena, buf_slice(&out)) : SLICE("");
	buf_free(&out);
	return words;
}

/* Changes a message here as another was changed from `old` to `new`. */
static bool change_likewise(struct cli_import *import, int64_t mailbox, uint32_t uid, const struct placement *old, const struct placement *new,
			    struct arena *arena, bool *changed, struct error *error)
{
	unsigned added = new->flags & ~old->flags, taken = old->flags & ~new->flags;
	struct slice words_added = words_without(new->keywords, old->keywords, arena), words_taken = words_without(old->keywords, new->keywords, arena);
	bool add = added || words_added.len > 0, take = taken || words_taken.len > 0;
	*changed = add || take;
	return (!add || message_store_flags(import->account, mailbox, &uid, 1, FLAGS_ADD, added, words_added, -1, arena, NULL, NULL, error)) &&
	       (!take || message_store_flags(import->account, mailbox, &uid, 1, FLAGS_REMOVE, taken, words_taken, -1, arena, NULL, NULL, error));
}

static bool meet_again(struct cli_import *import, int64_t id, const struct delivered *then, const struct placement *like, struct arena *arena,
		       struct error *error)
{
	bool changed = false;
	struct placement old = {.flags = then->flags, .keywords = then->keywords};
	import->known++;
	if (then->shown && !change_likewise(import, then->mailbox, then->uid, &old, like, arena, &changed, error))
		return false;
	import->changed += changed;
	return !changed || delivery_note(import->account, id, like->flags, like->keywords, error);
}

/* ---- Adding ---- */

static void note_new(struct cli_import *import, int64_t id, const unsigned char content[IMPORT_DIGEST_SIZE])
{
	ARRAY_GROW(import->fresh, import->fresh_count, import->fresh_room);
	struct cli_import_new *new = &import->fresh[import->fresh_count++];
	new->delivery_id = id;
	memcpy(new->digest, content, IMPORT_DIGEST_SIZE);
}

static bool flush(struct cli_import *import, struct error *error)
{
	size_t count = import->gathered;
	import->gathered = 0;
	if (count == 0)
		return true;
	if (!draft_commit(import->account, import->drafts, import->placements, count, error)) {
		import->failed += count;
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		import->known += import->placements[i].duplicate;
		import->added += !import->placements[i].duplicate;
	}
	return true;
}

static bool add_new(struct cli_import *import, struct slice content, const struct placement *like, int64_t id, struct error *error)
{
	struct draft *draft = draft_new(import->account);
	if (!draft_write(draft, content, error)) {
		draft_abort(&draft);
		return false;
	}
	import->drafts[import->gathered] = draft;
	import->placements[import->gathered++] = (struct placement){
		.mailbox = import->mailbox_id,
		.flags = like->flags,
		.keywords = arena_copy(import->arena, like->keywords),
		.received = like->received,
		.delivery_id = id,
	};
	return import->gathered < IMPORT_BATCH || flush(import, error);
}

bool cli_import_add(struct cli_import *import, struct slice content, const struct placement *like, struct error *error)
{
	unsigned char name[IMPORT_DIGEST_SIZE];
	struct delivered then;
	struct arena *arena = arena_new();
	digest(content, SLICE(""), name);
	int64_t id = name_next(import, name);
	bool done;
	if (delivery_find(import->account, id, arena, &then, error))
		done = meet_again(import, id, &then, like, arena, error);
	else {
		done = error->kind == ERROR_NOT_FOUND && add_new(import, content, like, id, error);
		note_new(import, id, name);
	}
	arena_free(&arena);
	return done;
}

/* ---- What has moved ---- */

/* One that a former import brought into `mailbox`, and that isn't there any more where it came from. */
static bool find_former(struct cli_import *import, const struct cli_import_new *new, struct slice mailbox, struct arena *arena, struct delivered *former)
{
	struct error ignored;
	for (uint64_t times = 0;; times++) {
		int64_t id = name_of(new->digest, mailbox, times);
		if (id == new->delivery_id || !delivery_find(import->account, id, arena, former, &ignored))
			return false;
		if (former->shown && !map_get(import->seen_ids, id_key(&id)))
			return true;
	}
}

/* What was done here to the message in the former mailbox is done to it in the new one. */
static bool move_from(struct cli_import *import, const struct cli_import_new *new, const struct delivered *former, struct arena *arena, struct error *error)
{
	struct delivered now;
	bool changed;
	uint32_t *removed;
	size_t count;
	struct placement old = {.flags = former->flags, .keywords = former->keywords}, mine = {.flags = former->flags_now, .keywords = former->keywords_now};
	if (!delivery_find(import->account, new->delivery_id, arena, &now, error) ||
	    !change_likewise(import, now.mailbox, now.uid, &old, &mine, arena, &changed, error) ||
	    !message_expunge(import->account, former->mailbox, &former->uid, 1, true, arena, &removed, &count, error))
		return false;
	import->moved++;
	import->added--;
	return true;
}

static bool bring_moves(struct cli_import *import, struct error *error)
{
	struct arena *arena = arena_new();
	bool done = true;
	for (size_t i = 0; done && i < import->fresh_count; i++) {
		size_t cursor = 0;
		struct slice mailbox;
		void *unused;
		struct delivered former;
		bool found = false;
		while (!found && map_next(import->visited, &cursor, &mailbox, &unused))
			found = find_former(import, &import->fresh[i], mailbox, arena, &former);
		done = !found || move_from(import, &import->fresh[i], &former, arena, error);
		arena_reset(arena);
	}
	arena_free(&arena);
	return done;
}

bool cli_import_finish(struct cli_import *import, struct error *error)
{
	return flush(import, error) && (import->known == 0 || bring_moves(import, error)); /* the first time nothing can have moved */
}

void cli_import_leave(struct cli_import *import, const char *what, const char *why)
{
	fprintf(stderr, "pombal import: %s: %s: left\n", what, why);
	import->left++;
}

void cli_import_fail(struct cli_import *import, const char *what, const char *why)
{
	fprintf(stderr, "pombal import: %s: %s\n", what, why);
	import->failed++;
}

void cli_import_fail_errno(struct cli_import *import, const char *what, int number)
{
	struct error error;
	error_set_errno(&error, number, "reading");
	cli_import_fail(import, what, error.text);
}

void cli_import_free(struct cli_import *import)
{
	for (size_t i = 0; i < import->gathered; i++)
		draft_abort(&import->drafts[i]);
	free(import->fresh);
	map_free(&import->visited);
	map_free(&import->seen);
	map_free(&import->seen_ids);
}
