/* Fuzzing of structure, parameters, decoding and summaries: every part lies inside of its message and its parent, counts
 * what it claims, and comes out of a summary as it went in. The input itself is read as a summary, too. */
#include "message/summary.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static uint32_t count_lines(struct slice s)
{
	uint32_t lines = 0;
	for (size_t i = 0; i < s.len; i++)
		lines += s.at[i] == '\n';
	return lines;
}

/* Returns the parts counted. */
static size_t check_part(struct slice message, const struct mime_part *part, uint64_t start, uint64_t end, size_t depth)
{
	size_t parts = 1;
	struct slice body = slice_sub(message, (size_t)part->body_at, (size_t)part->body_size);
	must(depth <= MIME_DEPTH_MAX && part->type.len > 0 && part->subtype.len > 0);
	must(part->header_at >= start && part->body_at == part->header_at + part->header_size && part->body_at <= end);
	must(part->body_size == body.len && part->body_at + part->body_size <= end);
	must(part->body_lines == count_lines(body));
	must(!slice_equal(part->type, SLICE("multipart")) || part->child_count > 0);
	for (size_t i = 0; i < part->child_count; i++) {
		const struct mime_part *child = &part->children[i];
		parts += check_part(message, child, i ? child[-1].body_at + child[-1].body_size : part->body_at, part->body_at + part->body_size + 2, depth + 1);
	}
	return parts;
}

static void check_same(const struct mime_part *a, const struct mime_part *b)
{
	must(slice_equal(a->type, b->type) && a->child_count == b->child_count && a->header_at == b->header_at && a->body_at == b->body_at);
	must(a->body_size == b->body_size && a->parameter_count == b->parameter_count && (a->envelope == NULL) == (b->envelope == NULL));
	must(!a->envelope || (slice_equal(a->envelope->subject, b->envelope->subject) && a->envelope->to_count == b->envelope->to_count));
	for (size_t i = 0; i < a->child_count; i++)
		check_same(&a->children[i], &b->children[i]);
}

static void check_content(struct slice message, const struct mime_part *part, struct arena *arena)
{
	struct buf decoded = BUF(1 << 20), text = BUF(4 << 20);
	for (size_t i = 0; i < part->parameter_count; i++)
		must(slice_is_utf8(part->parameters[i].value) || slice_equal(part->parameters[i].name, SLICE("boundary")));
	must(mime_decode(part->encoding, slice_sub(message, (size_t)part->body_at, (size_t)part->body_size), &decoded));
	must(charset_to_utf8(parameter_get(part->parameters, part->parameter_count, SLICE("charset")), buf_slice(&decoded), &text));
	must(slice_is_utf8(buf_slice(&text)));
	must(slice_is_utf8(text_fold(buf_slice(&text), arena)));
	buf_free(&decoded);
	buf_free(&text);
	for (size_t i = 0; i < part->child_count; i++)
		check_content(message, &part->children[i], arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice message = slice_make((const char *)data, size);
	struct mime_part *root = mime_parse(message, arena);
	must(root->envelope && root->header_at == 0 && root->body_at + root->body_size == size);
	must(check_part(message, root, 0, size, 1) <= MIME_PARTS_MAX);
	struct mime_part *again = summary_decode(summary_encode(root, arena), arena);
	must(again != NULL);
	check_same(root, again);
	check_content(message, root, arena);
	summary_decode(message, arena);
	arena_free(&arena);
	return 0;
}
