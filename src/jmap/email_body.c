/* Which parts of a message are its text, and which are attached to it: the algorithm of RFC 8621 §4.1.4, and what is said of a part. */
#include "jmap/email.h"

/* The lists that parts are put on; NULL: the part is one of alternatives that this list doesn't show. */
struct sorting {
	struct arena *arena;
	struct jmap_part_list *text, *html, *attachments;
};

static bool is_multipart(const struct mime_part *part) { return slice_equal(part->type, SLICE("multipart")); }

static bool is_text(const struct mime_part *part, struct slice subtype)
{
	return slice_equal(part->type, SLICE("text")) && slice_equal(part->subtype, subtype);
}

static bool is_media(const struct mime_part *part)
{
	return slice_equal(part->type, SLICE("image")) || slice_equal(part->type, SLICE("audio")) || slice_equal(part->type, SLICE("video"));
}

static struct jmap_part *add_part(struct jmap_part *part, const struct mime_part *mime, unsigned *count, struct arena *arena)
{
	part->mime = mime;
	if (!is_multipart(mime)) {
		part->number = ++*count;
		return part;
	}
	part->child_count = mime->child_count;
	part->children = arena_array(arena, mime->child_count, sizeof *part->children);
	for (size_t i = 0; i < mime->child_count; i++)
		add_part(&part->children[i], &mime->children[i], count, arena);
	return part;
}

static void put(struct sorting *sorting, struct jmap_part_list *list, const struct jmap_part *part)
{
	if (!list)
		return;
	ARENA_GROW(sorting->arena, list->at, list->count, list->room);
	list->at[list->count++] = part;
}

/* The part's filename, or else name: whether there is one is all that counts here. */
static bool has_name(const struct mime_part *part)
{
	return parameter_get(part->disposition_parameters, part->disposition_parameter_count, SLICE("filename")).len > 0 ||
	       parameter_get(part->parameters, part->parameter_count, SLICE("name")).len > 0;
}

/* A body part rather than an attachment. `first` of the parts of a multipart/`kind`. */
static bool is_inline(const struct mime_part *part, bool first, struct slice kind)
{
	if (slice_equal(part->disposition, SLICE("attachment")) || !(is_text(part, SLICE("plain")) || is_text(part, SLICE("html")) || is_media(part)))
		return false;
	return first || (!slice_equal(kind, SLICE("related")) && (is_media(part) || !has_name(part)));
}

static void put_inline(struct sorting *sorting, const struct jmap_part *part, bool alternative, bool in_alternative)
{
	const struct mime_part *mime = part->mime;
	bool plain = is_text(mime, SLICE("plain")), html = is_text(mime, SLICE("html"));
	if (alternative) {
		put(sorting, plain ? sorting->text : html ? sorting->html : sorting->attachments, part);
		return;
	}
	if (in_alternative && plain)
		sorting->html = NULL;
	if (in_alternative && html)
		sorting->text = NULL;
	put(sorting, sorting->text, part);
	put(sorting, sorting->html, part);
	if ((!sorting->text || !sorting->html) && is_media(mime))
		put(sorting, sorting->attachments, part);
}

/* Of alternatives only one kind was found: it stands for the other, too. */
static void share(struct sorting *sorting, size_t text_before, size_t html_before)
{
	struct jmap_part_list *text = sorting->text, *html = sorting->html;
	size_t texts = text->count, htmls = html->count;
	if (texts == text_before && htmls != html_before)
		for (size_t i = html_before; i < htmls; i++)
			put(sorting, text, html->at[i]);
	if (htmls == html_before && texts != text_before)
		for (size_t i = text_before; i < texts; i++)
			put(sorting, html, text->at[i]);
}

static void sort_parts(struct sorting sorting, const struct jmap_part *parts, size_t count, struct slice kind, bool in_alternative)
{
	bool alternative = slice_equal(kind, SLICE("alternative"));
	size_t text_before = sorting.text ? sorting.text->count : 0, html_before = sorting.html ? sorting.html->count : 0;
	for (size_t i = 0; i < count; i++) {
		const struct mime_part *mime = parts[i].mime;
		if (is_multipart(mime))
			sort_parts(sorting, parts[i].children, parts[i].child_count, mime->subtype, in_alternative || slice_equal(mime->subtype, SLICE("alternative")));
		else if (is_inline(mime, i == 0, kind))
			put_inline(&sorting, &parts[i], alternative, in_alternative);
		else
			put(&sorting, sorting.attachments, &parts[i]);
	}
	if (alternative && sorting.text && sorting.html)
		share(&sorting, text_before, html_before);
}

void jmap_body_read(const struct mime_part *root, struct arena *arena, struct jmap_body *body)
{
	*body = (struct jmap_body){.root = arena_alloc(arena, sizeof *body->root)};
	add_part(body->root, root, &body->parts, arena);
	struct sorting sorting = {arena, &body->text, &body->html, &body->attachments};
	sort_parts(sorting, body->root, 1, SLICE("mixed"), false);
}

bool jmap_body_has_attachment(const struct jmap_body *body)
{
	for (size_t i = 0; i < body->attachments.count; i++)
		if (!slice_equal(body->attachments.at[i]->mime->disposition, SLICE("inline")))
			return true;
	return false;
}

static const struct mime_part *find_part(const struct mime_part *part, unsigned number, unsigned *count)
{
	if (!is_multipart(part))
		return ++*count == number ? part : NULL;
	for (size_t i = 0; i < part->child_count; i++) {
		const struct mime_part *found = find_part(&part->children[i], number, count);
		if (found)
			return found;
	}
	return NULL;
}

const struct mime_part *jmap_body_part(const struct mime_part *root, unsigned number)
{
	unsigned count = 0;
	return find_part(root, number, &count);
}

struct slice jmap_part_name(const struct mime_part *part, struct arena *arena)
{
	struct slice name = parameter_get(part->disposition_parameters, part->disposition_parameter_count, SLICE("filename"));
	if (name.len == 0)
		name = parameter_get(part->parameters, part->parameter_count, SLICE("name"));
	return header_decode(name, arena); /* many write encoded words here, too */
}
