/* Fuzzing of what is made of a message before it is judged: text, links, tokens, within their bounds; and the same again. The first byte
 * chooses what else is done with the input: read as HTML alone, or as a store of tokens. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "classify/internal.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_shown(const struct shown *shown)
{
	must(shown->part_count <= SHOWN_PARTS_MAX && shown->link_count <= SHOWN_LINKS_MAX);
	for (size_t i = 0; i < shown->part_count; i++) {
		must(slice_is_utf8(shown->parts[i].text) && slice_is_utf8(shown->parts[i].hidden));
		must(shown->parts[i].text.len <= 2 * SHOWN_TEXT_MAX + 16);
	}
	for (size_t i = 0; i < shown->link_count; i++)
		must(shown->links[i].target.len <= SHOWN_URL_MAX);
}

static void check_tokens(const struct classify_tokens *tokens, struct arena *arena)
{
	must(tokens->count <= CLASSIFY_TOKENS_MAX && arena_used(arena) < 64 << 20);
	for (size_t i = 0; i < tokens->count; i++)
		must(tokens->at[i].text.len > 0 || tokens->at[i].text.at != NULL);
}

static void read_message(struct slice message)
{
	struct arena *arena = arena_new();
	struct mime_part *root = mime_parse(message, arena);
	struct shown shown;
	struct classify_tokens tokens, again;
	shown_read(message, root, arena, &shown);
	check_shown(&shown);
	classify_tokenize(slice_sub(message, 0, (size_t)root->header_size), root, &shown, arena, &tokens);
	check_tokens(&tokens, arena);
	classify_tokenize(slice_sub(message, 0, (size_t)root->header_size), root, &shown, arena, &again);
	must(again.digest == tokens.digest && again.count == tokens.count);
	arena_free(&arena);
}

static void read_html(struct slice html)
{
	struct arena *arena = arena_new();
	struct html_page page;
	html_read(html, arena, &page);
	must(page.link_count <= HTML_LINKS_MAX && page.text.len <= 2 * html.len + 16);
	for (size_t i = 0; i < page.link_count; i++)
		shown_host(page.links[i].target, arena);
	arena_free(&arena);
}

/* Whatever the file holds, it is a store, or made one, in which can be learned. */
static void read_store(struct slice content)
{
	char path[64];
	struct error error;
	struct classify_token token = {.hash = 42, .text = SLICE("x")};
	struct classify_tokens tokens = {&token, 1, 7};
	snprintf(path, sizeof path, "/tmp/classify_fuzz.%d", (int)getpid());
	unlink(path);
	if (!file_replace(path, content, 0600, &error))
		return;
	struct classify_store *reading = classify_store_read(path, &error), *foreign = classify_store_read_foreign(path, &error), *store = classify_store_open(path, (struct classify_size){2, 2}, &error);
	if (reading)
		classify_store_counts(reading, token.hash);
	must(!reading == !foreign && (!reading || classify_store_counts(reading, token.hash).spam == classify_store_counts(foreign, token.hash).spam));
	must(store != NULL);
	must(classify_unlearn(store, &tokens, 0) != CLASSIFY_LEARNED && classify_learn(store, &tokens, CLASSIFY_SPAM, 0) == CLASSIFY_LEARNED);
	must(classify_store_counts(store, token.hash).spam > 0 && classify_unlearn(store, &tokens, 0) == CLASSIFY_FORGOTTEN);
	classify_store_close(&reading);
	classify_store_close(&foreign);
	classify_store_close(&store);
	unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make((const char *)data, size);
	if (size > 0 && data[0] == 1)
		read_html(slice_skip(input, 1));
	else if (size > 0 && data[0] == 2)
		read_store(slice_skip(input, 1));
	else
		read_message(input);
	return 0;
}
