/* libFuzzer: any bytes as what a client begins with. The first byte says in what pieces they arrive. Checks that pieces make no difference, that nothing
 * outside of what has arrived is read, and that a head that was taken, written anew in the one way there is, is read the same: what another program
 * behind or before this one might read differently isn't taken. What is found in fields goes through their readers. */
#include <assert.h>

#include "base/buf.h"
#include "base/memory.h"
#include "http/head.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP = 7 };

static bool is_within(struct slice part, struct slice whole)
{
	return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

/* Where the head ends when `step` bytes come at a time; 0: it doesn't. */
static size_t find_end(struct slice input, size_t step)
{
	size_t looked = 0, end = 0;
	for (size_t come = 0; come < input.len && end == 0;) {
		come = come + step < input.len ? come + step : input.len;
		char *copy = memory_copy(input.at, come);
		end = http_head_length(slice_make(copy, come), &looked);
		assert(end <= come && looked <= come);
		free(copy);
	}
	return end;
}

static void write_head(const struct http_head *head, struct buf *out)
{
	buf_printf(out, "%s %.*s%s%.*s HTTP/1.%d\r\n", http_method_name(head->method), SLICE_ARG(head->path), head->has_query ? "?" : "", SLICE_ARG(head->query), head->minor);
	for (size_t i = 0; i < head->count; i++) {
		buf_printf(out, "%.*s: ", SLICE_ARG(head->fields[i].name));
		buf_append(out, head->fields[i].value);
		buf_append_text(out, "\r\n");
	}
	buf_append_text(out, "\r\n");
}

static void check_same(const struct http_head *head, const struct http_head *again, bool has_host)
{
	assert(head->method == again->method && head->minor == again->minor && head->count == again->count && head->has_query == again->has_query);
	assert(slice_equal(head->path, again->path) && slice_equal(head->query, again->query));
	assert(!has_host || slice_equal_nocase(head->authority, again->authority));
	assert(head->chunked == again->chunked && head->has_length == again->has_length && head->length == again->length);
	assert(head->close == again->close && head->expects == again->expects);
	for (size_t i = 0; i < head->count; i++)
		assert(slice_equal(head->fields[i].name, again->fields[i].name) && slice_equal(head->fields[i].value, again->fields[i].value));
}

/* What must hold of a head that is taken. */
static void check_head(const struct http_head *head, struct slice bytes)
{
	struct slice value;
	assert(head->count <= HTTP_FIELDS_MAX && bytes.len <= HTTP_HEAD_MAX);
	assert(is_within(head->query, bytes) && is_within(head->authority, bytes));
	assert(!(head->chunked && head->has_length) && (head->has_length || head->length == 0));
	assert(head->path.len > 0 && (head->path.at[0] == '/' || slice_equal(head->path, SLICE("*"))));
	assert(head->chunked == http_head_find(head, "Transfer-Encoding", &value) && head->has_length == http_head_find(head, "Content-Length", &value));
	for (size_t i = 0; i < head->count; i++) {
		assert(is_within(head->fields[i].name, bytes) && is_within(head->fields[i].value, bytes) && http_is_text(head->fields[i].value));
		assert(slice_find_char(head->fields[i].name, ' ') == SLICE_NONE);
	}
}

static void use_value(struct slice value, struct arena *arena)
{
	struct slice found, name, rest = value;
	uint64_t first, count;
	while (http_cookie_next(&rest, &name, &found))
		assert(is_within(name, value) && is_within(found, value));
	if (http_cookie_find(value, "pombal", &found))
		assert(is_within(found, value));
	if (http_range_parse(value, 1000, &first, &count) == HTTP_RANGE_PART)
		assert(count > 0 && first < 1000 && count <= 1000 - first);
	http_tags_match(value, SLICE("\"tag\""));
	assert(http_coding_weight(value, "gzip") <= 1000);
	if (http_query_find(value, "x", arena, &found))
		assert(slice_is_utf8(found) && slice_find_char(found, '\0') == SLICE_NONE);
}

static void use(const struct http_head *head)
{
	struct arena *arena = arena_new();
	struct slice path, value, seat;
	if (http_path_decode(head->path, arena, &path))
		assert(path.len <= head->path.len && slice_is_utf8(path) && slice_find(path, SLICE("/../")) == SLICE_NONE && slice_find_char(path, '\\') == SLICE_NONE);
	path = head->path;
	if (http_seat_cut(&path, &seat))
		assert(http_is_seat(seat) && path.len + 2 + HTTP_SEAT_SIZE == head->path.len && path.at[0] == '/');
	assert(http_host(head->authority).len <= head->authority.len);
	http_query_find(head->query, "x", arena, &value);
	for (size_t i = 0; i < head->count; i++)
		use_value(head->fields[i].value, arena);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head head, again;
	struct slice value;
	const char *why;
	if (size < 2)
		return 0;
	struct slice input = slice_make((const char *)data + 1, size - 1);
	size_t end = find_end(input, input.len), piecewise = find_end(input, (size_t)data[0] % STEP + 1 + (input.len > 4096 ? 1000 : 0));
	assert((end == 0) == (piecewise == 0));
	if (end == 0)
		return 0;
	char *copy = memory_copy(input.at, end);
	int status = http_head_parse(slice_make(copy, end), &head, &why);
	assert(status == 0 || (status >= 400 && status < 600 && why));
	if (status == 0) {
		struct buf text = BUF(2 * HTTP_HEAD_MAX);
		assert(piecewise == end);
		check_head(&head, slice_make(copy, end));
		write_head(&head, &text);
		size_t looked = 0;
		assert(http_head_length(buf_slice(&text), &looked) == text.len);
		assert(text.len > HTTP_HEAD_MAX || http_head_parse(buf_slice(&text), &again, &why) == 0);
		if (text.len <= HTTP_HEAD_MAX)
			check_same(&head, &again, http_head_find(&head, "Host", &value));
		use(&head);
		buf_free(&text);
	}
	free(copy);
	return 0;
}
