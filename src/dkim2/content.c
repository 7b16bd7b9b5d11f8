/* The header as it is hashed. */
#include "dkim2/content.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/memory.h"
#include "dkim/fields.h"

bool dkim2_counts(struct slice name)
{
	static const char *const without[] = {"Received", "Return-Path", "Authentication-Results", "DKIM-Signature", "Message-Instance", "DKIM2-Signature"};
	for (size_t i = 0; i < sizeof without / sizeof *without; i++)
		if (slice_equal_nocase(name, slice_of(without[i])))
			return false;
	return !slice_starts_nocase(name, SLICE("X-")) && !slice_starts_nocase(name, SLICE("ARC-"));
}

void dkim2_header_read(struct slice text, struct arena *arena, struct dkim2_header *header)
{
	struct header_field field;
	size_t room = 0;
	*header = (struct dkim2_header){.large = text.len > DKIM_HEADER_MAX};
	while (!header->large && header_next(&text, &field)) {
		if (field.name.len == 0 || !dkim2_counts(field.name))
			continue;
		header->large = header->count == DKIM2_HEADER_FIELDS_MAX;
		ARENA_GROW(arena, header->list, header->count, room);
		header->list[header->count++] = (struct dkim2_line){.name = field.name, .whole = field.whole};
	}
	if (header->large)
		header->count = 0;
	for (size_t i = 0; i < header->count / 2; i++) {
		struct dkim2_line other = header->list[i];
		header->list[i] = header->list[header->count - 1 - i];
		header->list[header->count - 1 - i] = other;
	}
}

static int compare(const void *first, const void *second)
{
	const struct dkim2_line *a = first, *b = second;
	size_t shorter = a->name.len < b->name.len ? a->name.len : b->name.len;
	for (size_t i = 0; i < shorter; i++) {
		unsigned char left = (unsigned char)ascii_lower(a->name.at[i]), right = (unsigned char)ascii_lower(b->name.at[i]);
		if (left != right)
			return left < right ? -1 : 1;
	}
	if (a->name.len != b->name.len)
		return a->name.len < b->name.len ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

void dkim2_header_hash(const struct dkim2_header *header, unsigned char digest[DKIM_DIGEST_SIZE])
{
	struct dkim2_line *sorted = memory_array(header->count + 1, sizeof *sorted);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	for (size_t i = 0; i < header->count; i++) {
		sorted[i] = header->list[i];
		sorted[i].place = i;
	}
	qsort(sorted, header->count, sizeof *sorted, compare);
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	for (size_t i = 0; i < header->count; i++)
		dkim_field_hash(&(struct header_field){.whole = sorted[i].whole}, (struct slice){0}, false, false, hash);
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	free(sorted);
}
