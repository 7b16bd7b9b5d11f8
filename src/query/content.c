/* What is to be found of a message, as text: fields of its header that people search in, text parts, what is attached. */
#include "base/array.h"
#include "message/header.h"
#include "message/html.h"
#include "query/search.h"

enum { FIELD_MAX = 256 * 1024, EXTRACTED_MAX = 32 * 1024 * 1024 /* bytes of an attachment, decoded */ };

struct content_reader {
	struct slice message;
	query_extract *extract;
	void *context;
	struct arena *arena;
	struct query_content *content;
};

static void add_piece(struct content_reader *reader, enum query_column column, struct slice text)
{
	struct query_content *content = reader->content;
	uint64_t left = QUERY_CONTENT_MAX - content->bytes;
	text = slice_sub(text, 0, (size_t)left);
	if (text.len == 0)
		return;
	ARENA_GROW(reader->arena, content->pieces, content->count, content->room);
	content->pieces[content->count++] = (struct query_piece){column, text};
	content->bytes += text.len;
}

/* ---- the header ---- */

static void add_addresses(struct content_reader *reader, enum query_column column, const struct address *list, size_t count)
{
	struct buf text = BUF(FIELD_MAX);
	for (size_t i = 0; i < count; i++) {
		struct slice name = header_decode(list[i].name, reader->arena);
		buf_printf(&text, "%.*s <%.*s@%.*s>, ", SLICE_ARG(name), SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain));
	}
	add_piece(reader, column, arena_copy(reader->arena, buf_slice(&text)));
	buf_free(&text);
}

static void add_envelope(struct content_reader *reader, const struct envelope *e)
{
	add_addresses(reader, QUERY_IN_FROM, e->from, e->from_count);
	add_addresses(reader, QUERY_IN_TO, e->to, e->to_count);
	add_addresses(reader, QUERY_IN_CC, e->cc, e->cc_count);
	add_addresses(reader, QUERY_IN_BCC, e->bcc, e->bcc_count);
	if (e->subject.at)
		add_piece(reader, QUERY_IN_SUBJECT, slice_sub(header_decode(e->subject, reader->arena), 0, FIELD_MAX));
}

/* ---- parts ---- */

static struct slice decode_part(const struct content_reader *reader, const struct mime_part *part, size_t most)
{
	struct slice body = slice_sub(reader->message, (size_t)part->body_at, (size_t)part->body_size);
	struct buf decoded = BUF(most);
	mime_decode(part->encoding, body, &decoded); /* what is longer is cut */
	struct slice result = arena_copy(reader->arena, buf_slice(&decoded));
	buf_free(&decoded);
	return result;
}

static struct slice text_of(const struct content_reader *reader, const struct mime_part *part)
{
	struct slice decoded = decode_part(reader, part, QUERY_CONTENT_MAX);
	struct buf utf8 = BUF(QUERY_CONTENT_MAX);
	charset_to_utf8(parameter_get(part->parameters, part->parameter_count, SLICE("charset")), decoded, &utf8);
	struct slice text = arena_copy(reader->arena, buf_slice(&utf8));
	buf_free(&utf8);
	if (!slice_equal(part->subtype, SLICE("html")))
		return text;
	struct html_page page;
	html_read(text, reader->arena, &page);
	return page.text;
}

static struct slice name_of(const struct mime_part *part)
{
	struct slice name = parameter_get(part->disposition_parameters, part->disposition_parameter_count, SLICE("filename"));
	return name.len > 0 ? name : parameter_get(part->parameters, part->parameter_count, SLICE("name"));
}

static void add_part(struct content_reader *reader, const struct mime_part *part);

static void add_leaf(struct content_reader *reader, const struct mime_part *part)
{
	struct slice name = header_decode(name_of(part), reader->arena), text;
	bool attached = slice_equal(part->disposition, SLICE("attachment"));
	add_piece(reader, QUERY_IN_NAME, name);
	if (slice_equal(part->type, SLICE("text")) || slice_equal(part->type, SLICE("message")))
		add_piece(reader, attached ? QUERY_IN_ATTACHED : QUERY_IN_BODY, text_of(reader, part));
	else if (reader->extract && part->body_size <= EXTRACTED_MAX &&
		 reader->extract(reader->context, part, name, decode_part(reader, part, EXTRACTED_MAX), reader->arena, &text))
		add_piece(reader, QUERY_IN_ATTACHED, text);
}

/* A message inside is part of the body, with what its header says. */
static void add_inner(struct content_reader *reader, const struct mime_part *part)
{
	struct query_content *content = reader->content;
	size_t first = content->count;
	add_piece(reader, QUERY_IN_NAME, header_decode(name_of(part), reader->arena));
	if (part->children[0].envelope)
		add_envelope(reader, part->children[0].envelope);
	for (size_t i = first; i < content->count; i++)
		if (content->pieces[i].column <= QUERY_IN_SUBJECT)
			content->pieces[i].column = QUERY_IN_BODY;
	add_part(reader, &part->children[0]);
}

static void add_part(struct content_reader *reader, const struct mime_part *part)
{
	if (reader->content->bytes == QUERY_CONTENT_MAX)
		return;
	if (part->child_count == 0)
		add_leaf(reader, part);
	else if (slice_equal(part->type, SLICE("message")))
		add_inner(reader, part);
	else
		for (size_t i = 0; i < part->child_count; i++)
			add_part(reader, &part->children[i]);
}

/* The language is that of the longest text, and of the subject where there is none. */
static enum query_language language_of(const struct query_content *content)
{
	struct slice longest = {NULL, 0};
	for (size_t i = 0; i < content->count; i++)
		if (content->pieces[i].column == QUERY_IN_BODY && content->pieces[i].text.len > longest.len)
			longest = content->pieces[i].text;
	for (size_t i = 0; longest.len == 0 && i < content->count; i++)
		if (content->pieces[i].column == QUERY_IN_ATTACHED || content->pieces[i].column == QUERY_IN_SUBJECT)
			longest = content->pieces[i].text;
	return query_language(longest);
}

void query_read_content(struct slice message, const struct mime_part *root, query_extract *extract, void *context, struct arena *arena,
			struct query_content *content)
{
	struct content_reader reader = {.message = message, .extract = extract, .context = context, .arena = arena, .content = content};
	*content = (struct query_content){0};
	if (root->envelope)
		add_envelope(&reader, root->envelope);
	add_part(&reader, root);
	content->language = language_of(content);
}

/* ---- its tokens ---- */

void query_write_tokens(const struct query_content *content, enum query_column column, struct query_stemmer *stemmer, struct buf *out)
{
	for (size_t i = 0; i < content->count; i++) {
		struct query_reader reader = {.text = content->pieces[i].text};
		struct query_word word;
		while (content->pieces[i].column == column && query_next_word(&reader, &word)) {
			buf_append(out, word.folded);
			buf_append_char(out, '\n');
			struct slice stem = query_stem(stemmer, content->language, &word);
			if (stem.len > 0)
				buf_printf(out, "%c%c%.*s\n", QUERY_STEM_MARK, '0' + (int)content->language, SLICE_ARG(stem));
		}
	}
}
