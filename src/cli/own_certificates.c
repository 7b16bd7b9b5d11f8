/* See own_certificates.h. */
#include "cli/own_certificates.h"

#include <dirent.h>

#include "base/array.h"
#include "base/file.h"

enum { LIST_MAX = 16 * 1024 * 1024 };

struct listing {
	const struct command_line *line;
	struct cli_own_certificate *list;
	size_t count, room;
};

static struct cli_own_certificate *have(struct listing *listing, struct slice id)
{
	for (size_t i = 0; i < listing->count; i++)
		if (slice_equal(listing->list[i].id, id))
			return &listing->list[i];
	ARENA_GROW(listing->line->arena, listing->list, listing->count, listing->room);
	listing->list[listing->count] = (struct cli_own_certificate){.id = arena_copy(listing->line->arena, id)};
	return &listing->list[listing->count++];
}

static void read_one(struct listing *listing, const char *name)
{
	struct slice file = slice_of(name), chain = SLICE(".pem"), next = SLICE(".next");
	struct buf pem = BUF_SECRET(ACME_KEY_MAX + ACME_PEM_MAX);
	struct error error;
	const char *path = arena_printf(listing->line->arena, "%s/" ACME_FOLDER "/%s", listing->line->data, name).at;
	if (slice_ends_nocase(file, chain) && file_read(path, &pem, &error)) {
		struct cli_own_certificate *own = have(listing, slice_sub(file, 0, file.len - chain.len));
		own->there = acme_certificate_read(buf_slice(&pem), listing->line->arena, &own->certificate, &error);
	} else if (slice_ends_nocase(file, next) && file_read(path, &pem, &error)) {
		struct cli_own_certificate *own = have(listing, slice_sub(file, 0, file.len - next.len));
		struct evp_pkey_st *key = acme_key_read(buf_slice(&pem), &error);
		own->has_next = key && acme_key_digest(key, own->next);
		acme_key_free(&key);
	}
	buf_free(&pem);
}

static void read_folder(struct listing *listing)
{
	DIR *folder = opendir(arena_printf(listing->line->arena, "%s/" ACME_FOLDER, listing->line->data).at);
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		read_one(listing, entry->d_name);
	if (folder)
		closedir(folder);
}

/* "certificate\tID\tSTATE\tDUE\tFAILURES\tWHY" (acme/work.h). */
static void read_state(struct listing *listing, struct slice line)
{
	struct slice word, id, state, due, failures, why;
	uint64_t at, count;
	if (!slice_cut(line, '\t', &word, &line) || !slice_equal(word, SLICE("certificate")) || !slice_cut(line, '\t', &id, &line) ||
	    !slice_cut(line, '\t', &state, &line) || !slice_cut(line, '\t', &due, &line) || !slice_cut(line, '\t', &failures, &why) ||
	    !slice_to_number(due, INT64_MAX, &at) || !slice_to_number(failures, UINT32_MAX, &count))
		return;
	struct cli_own_certificate *own = have(listing, id);
	own->state = arena_copy(listing->line->arena, state);
	own->due = (int64_t)at;
	own->failures = count;
	own->why = arena_copy(listing->line->arena, why);
}

static void ask_server(struct listing *listing)
{
	struct buf answer = BUF(LIST_MAX);
	struct error error;
	struct slice rest, line;
	bool running = instance_ask(listing->line, "certificates", &answer, &error);
	rest = running ? buf_slice(&answer) : SLICE("");
	while (slice_cut(rest, '\n', &line, &rest))
		read_state(listing, line);
	buf_free(&answer);
}

static int by_id(const void *a, const void *b)
{
	return slice_compare(((const struct cli_own_certificate *)a)->id, ((const struct cli_own_certificate *)b)->id);
}

void cli_own_certificates(const struct command_line *line, struct cli_own_certificate **list, size_t *count)
{
	struct listing listing = {.line = line};
	read_folder(&listing);
	ask_server(&listing);
	if (listing.count > 0)
		qsort(listing.list, listing.count, sizeof *listing.list, by_id);
	*list = listing.list;
	*count = listing.count;
}

const struct cli_own_certificate *cli_own_certificate(const struct cli_own_certificate *list, size_t count, struct slice id)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal_nocase(list[i].id, id))
			return &list[i];
	return NULL;
}
