#include "message/shown.h"

#include "base/array.h"
#include "message/text.h"

struct shown_reader {
	struct slice message;
	struct arena *arena;
	struct shown *shown;
	size_t part_room, link_room, used;
};

/* ---- links ---- */

static void add_link(struct shown_reader *reader, struct slice target, struct slice text, bool html)
{
	struct shown *shown = reader->shown;
	if (shown->link_count == SHOWN_LINKS_MAX) {
		shown->cut = true;
		return;
	}
	ARENA_GROW(reader->arena, shown->links, shown->link_count, reader->link_room);
	shown->links[shown->link_count++] = (struct shown_link){slice_sub(target, 0, SHOWN_URL_MAX), text, html};
}

static bool ends_url(char c) { return (unsigned char)c <= ' ' || strchr("<>\"'()[]{}|\\^`", c) != NULL; }

/* The length of a URL at the start of `s`, without what ends the sentence. */
static size_t url_length(struct slice s)
{
	size_t n = 0;
	while (n < s.len && n < SHOWN_URL_MAX && !ends_url(s.at[n]))
		n++;
	while (n > 0 && strchr(".,;:!?*", s.at[n - 1]))
		n--;
	return n;
}

/* Adds the URL around the colon of a "://"; returns where to go on. */
static size_t take_url(struct shown_reader *reader, struct slice text, size_t from, size_t colon)
{
	size_t start = colon;
	while (start > from && colon - start < 5 && ascii_is_alpha(text.at[start - 1]))
		start--;
	struct slice url = slice_skip(text, start);
	url = slice_sub(url, 0, slice_starts_nocase(url, SLICE("http")) ? url_length(url) : 0);
	if (url.len > colon - start + 3)
		add_link(reader, url, url, false);
	return start + url.len > colon + 3 ? start + url.len : colon + 3;
}

/* Adds the one that begins with the "www." at `at`, unless that is the end of a word; returns where to go on. */
static size_t take_host(struct shown_reader *reader, struct slice text, size_t at)
{
	struct slice url = slice_skip(text, at);
	bool alone = at == 0 || ascii_is_space(text.at[at - 1]) || text.at[at - 1] == '<' || text.at[at - 1] == '(';
	url = slice_sub(url, 0, url_length(url));
	if (alone && url.len > 6)
		add_link(reader, url, url, false);
	return at + (url.len > 4 ? url.len : 4);
}

/* "http://", "https://" and "www.", wherever they stand in a text: found by the character that comes in each of them, seldom in words. */
static void find_urls(struct shown_reader *reader, struct slice text)
{
	size_t from = 0;
	for (size_t at; (at = slice_find_char(slice_skip(text, from), ':')) != SLICE_NONE;) {
		size_t colon = from + at;
		from = slice_starts(slice_skip(text, colon), SLICE("://")) ? take_url(reader, text, from, colon) : colon + 1;
	}
	from = 0;
	for (size_t at; (at = slice_find_char(slice_skip(text, from), '.')) != SLICE_NONE;) {
		size_t dot = from + at;
		from = at >= 3 && slice_starts(slice_skip(text, dot - 3), SLICE("www.")) ? take_host(reader, text, dot - 3) : dot + 1;
	}
}

static struct slice lower(struct slice s, struct arena *arena) { return text_lower_ascii(s, arena); }

struct slice shown_host(struct slice url, struct arena *arena)
{
	size_t scheme = slice_find(slice_sub(url, 0, 16), SLICE("//"));
	if (scheme == SLICE_NONE && !slice_starts_nocase(url, SLICE("www.")))
		return SLICE("");
	struct slice rest = slice_skip(url, scheme == SLICE_NONE ? 0 : scheme + 2);
	size_t end = 0;
	while (end < rest.len && end < SHOWN_URL_MAX && !strchr("/?#\\", rest.at[end]) && (unsigned char)rest.at[end] > ' ')
		end++;
	struct slice authority = slice_sub(rest, 0, end);
	size_t user = slice_find_last_char(authority, '@');
	if (user != SLICE_NONE)
		authority = slice_skip(authority, user + 1);
	size_t port = slice_find_last_char(authority, ':');
	if (port != SLICE_NONE && slice_find_char(authority, ']') == SLICE_NONE)
		authority = slice_sub(authority, 0, port);
	while (authority.len > 0 && authority.at[authority.len - 1] == '.')
		authority.len--;
	return lower(authority, arena);
}

/* ---- text ---- */

/* Without characters that have no width. */
static struct slice drop_invisible(struct shown_reader *reader, struct slice text)
{
	if (slice_is_ascii(text))
		return text;
	char *out = arena_alloc(reader->arena, text.len + 1);
	size_t len = 0;
	while (text.len > 0) {
		size_t skip = html_invisible_length(text);
		reader->shown->invisible += skip > 0;
		reader->shown->invisible_inside += skip > 0 && html_invisible_inside(slice_make(out, len), slice_sub(text, 0, skip));
		if (skip == 0)
			out[len++] = text.at[0];
		text = slice_skip(text, skip > 0 ? skip : 1);
	}
	return slice_make(out, len);
}

static struct slice decoded_text(struct shown_reader *reader, const struct mime_part *part)
{
	struct slice raw = slice_sub(reader->message, (size_t)part->body_at, (size_t)part->body_size);
	struct buf decoded = BUF(SHOWN_PART_MAX), utf8 = BUF(SHOWN_PART_MAX * 4);
	reader->shown->cut |= !mime_decode(part->encoding, slice_sub(raw, 0, SHOWN_PART_MAX * 4), &decoded) || raw.len > SHOWN_PART_MAX * 4;
	charset_to_utf8(parameter_get(part->parameters, part->parameter_count, SLICE("charset")), buf_slice(&decoded), &utf8);
	struct slice text = slice_sub(buf_slice(&utf8), 0, SHOWN_TEXT_MAX - reader->used);
	reader->shown->cut |= text.len < utf8.len;
	reader->used += text.len;
	text = arena_copy(reader->arena, text);
	buf_free(&decoded);
	buf_free(&utf8);
	return text;
}

static void read_html(struct shown_reader *reader, struct shown_part *read, struct slice html)
{
	struct html_page page;
	struct shown *shown = reader->shown;
	html_read(html, reader->arena, &page);
	read->text = page.text;
	read->hidden = page.hidden;
	shown->html_images += page.images;
	shown->remote_images += page.remote_images;
	shown->forms += page.forms;
	shown->scripts += page.scripts;
	shown->invisible += page.invisible;
	shown->invisible_inside += page.invisible_inside;
	shown->cut |= page.links_beyond > 0;
	shown->html_bytes += page.text.len;
	shown->hidden_bytes += page.hidden.len;
	for (size_t i = 0; i < page.link_count; i++)
		add_link(reader, page.links[i].target, page.links[i].text, true);
}

static void read_text_part(struct shown_reader *reader, const struct mime_part *part)
{
	struct shown *shown = reader->shown;
	bool html = slice_equal(part->subtype, SLICE("html"));
	if (shown->part_count == SHOWN_PARTS_MAX || reader->used == SHOWN_TEXT_MAX) {
		shown->cut = true;
		return;
	}
	ARENA_GROW(reader->arena, shown->parts, shown->part_count, reader->part_room);
	struct shown_part *read = &shown->parts[shown->part_count++];
	*read = (struct shown_part){.part = part, .html = html};
	struct slice text = decoded_text(reader, part);
	if (html)
		read_html(reader, read, text);
	else {
		read->text = drop_invisible(reader, text);
		shown->plain_bytes += slice_trim(read->text).len;
		find_urls(reader, read->text);
	}
}

/* ---- parts ---- */

static void read_leaf(struct shown_reader *reader, const struct mime_part *part)
{
	struct shown *shown = reader->shown;
	bool attached = slice_equal(part->disposition, SLICE("attachment"));
	if (slice_equal(part->type, SLICE("text")) && !attached) {
		if (slice_equal(part->subtype, SLICE("html")))
			shown->html_parts++;
		else
			shown->plain_parts++;
		read_text_part(reader, part);
	} else if (slice_equal(part->type, SLICE("image")))
		shown->images++;
	else
		shown->attachments++;
}

/* No deeper than MIME_DEPTH_MAX. */
static void read_part(struct shown_reader *reader, const struct mime_part *part)
{
	if (slice_equal(part->type, SLICE("message")) && part->child_count > 0)
		reader->shown->messages++;
	else if (part->child_count == 0)
		read_leaf(reader, part);
	else
		for (size_t i = 0; i < part->child_count; i++)
			read_part(reader, &part->children[i]);
}

void shown_read(struct slice message, const struct mime_part *root, struct arena *arena, struct shown *shown)
{
	*shown = (struct shown){0};
	struct shown_reader reader = {.message = message, .arena = arena, .shown = shown};
	read_part(&reader, root);
}
