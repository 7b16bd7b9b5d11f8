/* Adding messages in batches. A message is known by the hash of its content, its mailbox, and which of several equal ones
 * it is: so an import that is repeated, or goes on where one was broken off, adds nothing twice, and equal messages of the
 * source all come over. */
#include "cli/import.h"

#include <openssl/evp.h>

#include "message/header.h"

bool import_into(struct import *import, struct slice mailbox, struct error *error)
{
	struct mailbox found;
	if (!import_flush(import, error))
		return false;
	if (!mailbox_find(import->account, mailbox, import->arena, &found, error)) {
		if (error->kind != ERROR_NOT_FOUND || !mailbox_create(import->account, mailbox, USE_NONE, error) ||
		    !mailbox_find(import->account, mailbox, import->arena, &found, error) ||
		    !mailbox_subscribe(import->account, mailbox, true, error))
			return false;
	}
	import->mailbox = arena_copy(import->arena, mailbox);
	import->mailbox_id = found.id;
	return true;
}

/* Negative, so that it is never that of a delivery. */
static int64_t name_content(struct import *import, struct slice content)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	EVP_DigestUpdate(context, import->mailbox.at, import->mailbox.len);
	EVP_DigestUpdate(context, "", 1);
	EVP_DigestUpdate(context, content.at, content.len);
	EVP_DigestFinal_ex(context, digest, &len);
	EVP_MD_CTX_free(context);
	struct slice key = slice_make((const char *)digest, 16);
	uintptr_t times = (uintptr_t)map_get(import->seen, key);
	map_put(import->seen, key, (void *)(times + 1));
	uint64_t number;
	memcpy(&number, digest, sizeof number);
	number += times * UINT64_C(0x9e3779b97f4a7c15);
	return (int64_t)(number | UINT64_C(1) << 63);
}

/* A header that isn't ended gets its empty line: mail programs look for it. */
static bool write_text(struct draft *draft, struct slice text, struct error *error)
{
	size_t length = header_length(text);
	return draft_write(draft, slice_sub(text, 0, length), error) &&
	       (header_is_ended(text, length) || draft_write(draft, SLICE("\r\n"), error)) && draft_write(draft, slice_skip(text, length), error);
}

static bool write_lines(struct draft *draft, struct slice content, struct error *error)
{
	struct buf out = BUF(content.len * 2 + 2);
	for (size_t i = 0; i < content.len; i++) {
		char c = content.at[i];
		bool pair = c == '\r' && i + 1 < content.len && content.at[i + 1] == '\n';
		if (c == '\n' || c == '\r')
			buf_append_text(&out, "\r\n");
		else
			buf_append_char(&out, c);
		i += pair;
	}
	bool done = write_text(draft, buf_slice(&out), error);
	buf_free(&out);
	return done;
}

bool import_add(struct import *import, struct slice content, const struct placement *like, struct error *error)
{
	struct draft *draft = draft_new(import->account, error);
	if (!draft)
		return false;
	if (!write_lines(draft, content, error)) {
		draft_abort(&draft);
		return false;
	}
	import->drafts[import->gathered] = draft;
	import->placements[import->gathered++] = (struct placement){
		.mailbox = import->mailbox_id,
		.flags = like->flags,
		.keywords = like->keywords,
		.received = like->received,
		.delivery_id = name_content(import, content),
	};
	return import->gathered < IMPORT_BATCH || import_flush(import, error);
}

bool import_flush(struct import *import, struct error *error)
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
