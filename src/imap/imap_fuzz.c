/* Command parsing under libFuzzer: framing, then every kind of argument, each from the same bytes. */
#include "imap/fetch.h"
#include "imap/pattern.h"
#include "imap/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct imap_parser parser_of(struct slice text, struct arena *arena)
{
	return (struct imap_parser){.rest = text, .arena = arena};
}

static void fuzz_frame(struct slice text)
{
	struct imap_frame frame = {0};
	for (size_t there = 1; there <= text.len; there++)
		if (imap_frame_scan(&frame, slice_sub(text, 0, there)) == FRAME_LITERAL)
			imap_frame_accept_literal(&frame);
}

static void fuzz_names(struct slice text, struct arena *arena)
{
	struct imap_parser parser = parser_of(text, arena);
	struct slice name;
	bool valid;
	if (imap_parse_mailbox(&parser, &name, &valid) && valid) {
		struct buf out = BUF(RESPONSE_MAX);
		imap_write_mailbox(&out, name);
		buf_free(&out);
	}
	parser = parser_of(text, arena);
	if (imap_parse_list_mailbox(&parser, &name, &valid) && valid && name.len < 1000)
		imap_pattern_match(imap_pattern_new(name, arena), SLICE("INBOX/some/name"));
}

static void fuzz_arguments(struct slice text, struct arena *arena)
{
	struct imap_parser parser = parser_of(text, arena);
	struct imap_flags flags;
	struct ranges set, indexes;
	struct slice out;
	int64_t date;
	bool uid;
	imap_verb_parse(&parser, &uid);
	parser = parser_of(text, arena);
	imap_parse_store_flags(&parser, &flags);
	parser = parser_of(text, arena);
	imap_parse_date_time(&parser, &date);
	parser = parser_of(text, arena);
	imap_parse_nstring(&parser, &out);
	parser = parser_of(text, arena);
	if (imap_parse_set(&parser, &set))
		imap_set_to_indexes(&set, 10, arena, &indexes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct imap_uid_run runs[] = {{1, 0}, {5, 1}, {9, 2}, {4294967295, 3}};
	const struct imap_selected selected = {.uids = {.runs = runs, .run_count = 4, .count = 4}};
	struct slice text = slice_make((const char *)data, size);
	struct arena *arena = arena_new();
	struct imap_fetch_items items;
	struct query query;
	bool bad_charset;
	fuzz_frame(text);
	fuzz_names(text, arena);
	fuzz_arguments(text, arena);
	struct imap_parser parser = parser_of(text, arena);
	imap_fetch_parse(&parser, &items);
	parser = parser_of(text, arena);
	imap_search_parse(&parser, &selected, &query, &bad_charset);
	arena_free(&arena);
	return 0;
}
