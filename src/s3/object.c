/* Objects: what a client is asked for, as requests. */
#include "s3/internal.h"
#include "xml/xml.h"

bool s3_put(struct s3 *s3, struct slice key, struct slice content, struct error *error)
{
	struct s3_reply reply;
	if (!s3_is_key(key, error))
		return false;
	if (content.len > s3_place_of(s3)->part)
		return s3_put_parts(s3, key, content, error);
	return s3_ask(s3, &(struct s3_request){.method = "PUT", .key = key, .body = content, .checked = true, .most = S3_ANSWER_MAX}, &reply, error);
}

bool s3_get(struct s3 *s3, struct slice key, uint64_t from, size_t count, struct buf *out, struct error *error)
{
	struct s3_reply reply;
	uint64_t size;
	if (!s3_is_key(key, error))
		return false;
	if (count == 0) /* nothing of it: is it there? */
		return s3_size(s3, key, &size, error) && (from <= size || error_set(error, ERROR_INVALID, "the object is shorter than it should be"));
	if (count > INT64_MAX - from)
		return error_set(error, ERROR_INVALID, "no object is as long as that");
	return s3_ask(s3, &(struct s3_request){.method = "GET", .key = key, .from = from, .count = count, .most = count, .out = out}, &reply, error);
}

bool s3_size(struct s3 *s3, struct slice key, uint64_t *size, struct error *error)
{
	struct s3_reply reply;
	if (!s3_is_key(key, error) || !s3_ask(s3, &(struct s3_request){.method = "HEAD", .key = key}, &reply, error))
		return false;
	*size = reply.length;
	return true;
}

/* ---- Removing ---- */

static bool remove_page(struct s3 *s3, const struct slice *keys, size_t count, struct error *error)
{
	enum { ENTRY_MAX = 6 * S3_KEY_MAX + 64 }; /* with what XML escapes */
	struct buf body = BUF(S3_PAGE_MAX * ENTRY_MAX + 256), answer = BUF(S3_ANSWER_MAX);
	struct s3_reply reply;
	struct s3_fault fault;
	buf_append_text(&body, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
	for (size_t i = 0; i < count; i++) {
		buf_append_text(&body, "<Object><Key>");
		xml_append(&body, keys[i]);
		buf_append_text(&body, "</Key></Object>");
	}
	buf_append_text(&body, "</Delete>");
	struct s3_request request = {.method = "POST", .query = SLICE("delete="), .body = buf_slice(&body), .checked = true, .most = S3_ANSWER_MAX, .out = &answer};
	bool done = s3_ask(s3, &request, &reply, error);
	if (done && s3_read_fault(buf_slice(&answer), &fault)) /* of one of them, in an answer that is good else */
		done = s3_say_fault(s3, reply.status, &fault, error);
	buf_free(&body);
	buf_free(&answer);
	return done;
}

bool s3_remove(struct s3 *s3, const struct slice *keys, size_t count, struct error *error)
{
	struct s3_reply reply;
	for (size_t i = 0; i < count; i++)
		if (!s3_is_key(keys[i], error))
			return false;
	if (count == 1) {
		struct error cause = {0};
		if (s3_ask(s3, &(struct s3_request){.method = "DELETE", .key = keys[0], .most = S3_ANSWER_MAX}, &reply, &cause) || cause.kind == ERROR_NOT_FOUND)
			return true;
		return error_set(error, cause.kind, "%s", cause.text);
	}
	for (size_t i = 0; i < count; i += S3_PAGE_MAX)
		if (!remove_page(s3, keys + i, count - i < S3_PAGE_MAX ? count - i : S3_PAGE_MAX, error))
			return false;
	return true;
}

/* ---- Listing ---- */

enum { EMPTY_PAGES_MAX = 100 }; /* in a row */

static void append_pair(struct buf *out, const char *name, struct slice value)
{
	buf_printf(out, "%s%s=", out->len > 0 ? "&" : "", name);
	s3_encode(value, false, out);
}

static bool read_page(struct s3 *s3, struct slice query, bool (*read)(struct slice document, struct arena *arena, struct s3_page *page, struct error *error),
		      struct arena *arena, struct s3_page *page, struct error *error)
{
	struct buf answer = BUF(S3_ANSWER_MAX);
	struct s3_reply reply;
	bool done = s3_ask(s3, &(struct s3_request){.method = "GET", .query = query, .most = S3_ANSWER_MAX, .out = &answer}, &reply, error) &&
		    read(buf_slice(&answer), arena, page, error);
	buf_free(&answer);
	return done;
}

/* The same page twice, or nothing but empty ones: a server that would keep us for ever. */
static bool leads_on(const struct s3_page *page, bool again, unsigned *empty, struct error *error)
{
	*empty = page->count > 0 ? 0 : *empty + 1;
	return (!again && *empty < EMPTY_PAGES_MAX) || error_set(error, ERROR_INVALID, "the server's list has no end");
}

static bool visit_all(const struct s3_page *page, struct slice prefix, s3_visit visit, void *context, struct error *error)
{
	for (size_t i = 0; i < page->count; i++)
		if (!slice_starts(page->at[i].key, prefix))
			return error_set(error, ERROR_INVALID, "the server's list has what wasn't asked for");
		else if (!visit(context, page->at[i].key, page->at[i].size, error))
			return false;
	return true;
}

bool s3_list(struct s3 *s3, struct slice prefix, s3_visit visit, void *context, struct error *error)
{
	struct buf query = BUF(S3_QUERY_MAX), token = BUF(S3_TOKEN_MAX);
	struct arena *arena = arena_new();
	struct s3_page page = {.more = true};
	unsigned empty = 0;
	bool done = true;
	while (done && page.more) {
		buf_clear(&query);
		arena_reset(arena);
		if (token.len > 0)
			append_pair(&query, "continuation-token", buf_slice(&token));
		append_pair(&query, "list-type", SLICE("2"));
		append_pair(&query, "prefix", prefix);
		done = read_page(s3, buf_slice(&query), s3_read_objects, arena, &page, error) && visit_all(&page, prefix, visit, context, error) &&
		       (!page.more || leads_on(&page, slice_equal(page.next, buf_slice(&token)), &empty, error));
		buf_clear(&token);
		buf_append(&token, page.next);
	}
	buf_free(&query);
	buf_free(&token);
	arena_free(&arena);
	return done;
}

/* ---- Uploads that were never finished ---- */

static bool give_up_page(struct s3 *s3, const struct s3_page *page, struct slice prefix, int64_t before, size_t *count, struct error *error)
{
	struct s3_reply reply;
	for (size_t i = 0; i < page->count; i++) {
		const struct s3_entry *entry = &page->at[i];
		struct buf query = BUF(S3_QUERY_MAX);
		struct error cause = {0};
		if (entry->since >= before || !slice_starts(entry->key, prefix))
			continue;
		append_pair(&query, "uploadId", entry->upload);
		bool done = s3_ask(s3, &(struct s3_request){.method = "DELETE", .key = entry->key, .query = buf_slice(&query), .most = S3_ANSWER_MAX}, &reply, &cause);
		buf_free(&query);
		if (!done && cause.kind != ERROR_NOT_FOUND)
			return error_set(error, cause.kind, "%s", cause.text);
		++*count;
	}
	return true;
}

bool s3_give_up(struct s3 *s3, struct slice prefix, int64_t before, size_t *count, struct error *error)
{
	struct buf query = BUF(S3_QUERY_MAX), key = BUF(S3_TOKEN_MAX), upload = BUF(S3_TOKEN_MAX);
	struct arena *arena = arena_new();
	struct s3_page page = {.more = true};
	size_t ignored = 0;
	unsigned empty = 0;
	bool done = true;
	while (done && page.more) {
		buf_clear(&query);
		arena_reset(arena);
		if (key.len > 0)
			append_pair(&query, "key-marker", buf_slice(&key));
		append_pair(&query, "prefix", prefix);
		if (upload.len > 0)
			append_pair(&query, "upload-id-marker", buf_slice(&upload));
		append_pair(&query, "uploads", SLICE(""));
		done = read_page(s3, buf_slice(&query), s3_read_uploads, arena, &page, error) && give_up_page(s3, &page, prefix, before, count ? count : &ignored, error) &&
		       (!page.more || leads_on(&page, slice_equal(page.next, buf_slice(&key)) && slice_equal(page.next_upload, buf_slice(&upload)), &empty, error));
		buf_clear(&key);
		buf_append(&key, page.next);
		buf_clear(&upload);
		buf_append(&upload, page.next_upload);
	}
	buf_free(&query);
	buf_free(&key);
	buf_free(&upload);
	arena_free(&arena);
	return done;
}
