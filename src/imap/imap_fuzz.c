/* Command parsing under libFuzzer: framing, then every kind of argument, each from the same bytes. */
#include "imap/fetch.h"
#include "imap/pattern.h"
#include "imap/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct parser parser_of(struct slice text, struct arena *arena)
{
	return (struct parser){.rest = text, .arena = arena};
}

static void fuzz_frame(struct slice text)
{
	struct frame frame = {0};
	for (size_t there = 1; there <= text.len; there++)
		if (frame_scan(&frame, slice_sub(text, 0, there)) == FRAME_LITERAL)
			frame_accept_literal(&frame);
}

static void fuzz_names(struct slice text, struct arena *arena)
{
	struct parser parser = parser_of(text, arena);
	struct slice name;
	bool valid;
	if (parse_mailbox(&parser, &name, &valid) && valid) {
		struct buf out = BUF(RESPONSE_MAX);
		write_mailbox(&out, name);
		buf_free(&out);
	}
	parser = parser_of(text, arena);
	if (parse_list_mailbox(&parser, &name, &valid) && valid && name.len < 1000)
		pattern_match(pattern_new(name, arena), SLICE("INBOX/some/name"));
}

static void fuzz_arguments(struct slice text, struct arena *arena)
{
	struct parser parser = parser_of(text, arena);
	struct flags flags;
	struct ranges set, indexes;
	struct slice out;
	int64_t date;
	bool uid;
	verb_parse(&parser, &uid);
	parser = parser_of(text, arena);
	parse_store_flags(&parser, &flags);
	parser = parser_of(text, arena);
	parse_date_time(&parser, &date);
	parser = parser_of(text, arena);
	parse_nstring(&parser, &out);
	parser = parser_of(text, arena);
	if (parse_set(&parser, &set))
		set_to_indexes(&set, 10, arena, &indexes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct uid_run runs[] = {{1, 0}, {5, 1}, {9, 2}, {4294967295, 3}};
	const struct selected selected = {.uids = {.runs = runs, .run_count = 4, .count = 4}};
	struct slice text = slice_make((const char *)data, size);
	struct arena *arena = arena_new();
	struct fetch_items items;
	struct query query;
	bool bad_charset;
	fuzz_frame(text);
	fuzz_names(text, arena);
	fuzz_arguments(text, arena);
	struct parser parser = parser_of(text, arena);
	fetch_parse(&parser, &items);
	parser = parser_of(text, arena);
	search_parse(&parser, &selected, &query, &bad_charset);
	arena_free(&arena);
	return 0;
}
