/* Static files, from memory: compressed as the client wants it, in parts, and not at all if he has them. */
#include "web/files.h"

#include "web/web.h"

enum { TAG_MAX = 32 };

/* Attributes of style are what the editor of the web mail makes, of what it was given clean: they can ask nobody for anything. */
#define POLICY(connect)                                                                                                                         \
	"default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; " \
	"connect-src " connect "; frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " \
	"require-trusted-types-for 'script'; trusted-types pombal svelte-trusted-html"
static const char pages_policy[] = POLICY("'self'");
/* The administration looks after other servers, too, each with a key of its own. */
static const char admin_policy[] = POLICY("'self' https:");

static const struct web_packed *find_file(struct slice path)
{
	for (size_t i = 0; i < web_packed_count; i++)
		if (slice_equal(path, slice_of(web_packed[i].path)))
			return &web_packed[i];
	return NULL;
}

/* The coding that the client wants most, of those that there are. NULL: none. */
static const char *choose_coding(const struct http_exchange *exchange, const struct web_packed *file)
{
	struct slice accept;
	if (!http_head_find(&exchange->head, "Accept-Encoding", &accept))
		return NULL;
	unsigned br = file->br.len > 0 ? http_coding_weight(accept, "br") : 0, gzip = file->gzip.len > 0 ? http_coding_weight(accept, "gzip") : 0;
	return br == 0 && gzip == 0 ? NULL : br >= gzip ? "br" : "gzip";
}

/* A part, if one is asked for, of this very content (RFC 9110 §14.2). */
static bool answer_part(struct http_exchange *exchange, const struct web_packed *file, struct slice body, struct slice tag)
{
	struct slice range, condition;
	uint64_t first, count;
	if (exchange->head.method != HTTP_GET || !http_head_find(&exchange->head, "Range", &range))
		return false;
	if (http_head_find(&exchange->head, "If-Range", &condition) && !slice_equal(condition, tag))
		return false;
	switch (http_range_parse(range, body.len, &first, &count)) {
	case HTTP_RANGE_NONE:
		return false;
	case HTTP_RANGE_OUTSIDE:
		http_add_field(exchange, "Content-Range", arena_printf(exchange->arena, "bytes */%zu", body.len));
		http_refuse(exchange, 416, "it isn't that long");
		return true;
	case HTTP_RANGE_PART:
		http_add_field(exchange, "Content-Range", arena_printf(exchange->arena, "bytes %llu-%llu/%zu", (unsigned long long)first,
								       (unsigned long long)(first + count - 1), body.len));
		http_answer_constant(exchange, 206, file->type, slice_sub(body, (size_t)first, (size_t)count));
		return true;
	}
	return false;
}

enum net_run web_file(struct http_exchange *exchange)
{
	struct slice known;
	const struct web_packed *file = find_file(exchange->path);
	if (!file) {
		http_refuse(exchange, 404, "there is nothing of that name here");
		return RUN_DONE;
	}
	const char *coding = choose_coding(exchange, file);
	struct slice body = !coding ? file->plain : coding[0] == 'b' ? file->br : file->gzip;
	char text[TAG_MAX];
	struct slice tag = slice_make(text, (size_t)snprintf(text, sizeof text, "\"%s%s%s\"", file->tag, coding ? "-" : "", coding ? coding : ""));
	exchange->policy = slice_equal(exchange->path, SLICE("/admin")) ? admin_policy : pages_policy;
	http_add_field(exchange, "ETag", tag);
	http_add_field(exchange, "Vary", SLICE("Accept-Encoding"));
	http_add_field(exchange, "Accept-Ranges", SLICE("bytes"));
	http_add_field(exchange, "Cache-Control", file->lasts ? SLICE("public, max-age=31536000, immutable") : SLICE("no-cache"));
	if (http_head_find(&exchange->head, "If-None-Match", &known) && http_tags_match(known, tag)) {
		http_answer(exchange, 304, NULL, SLICE(""));
		return RUN_DONE;
	}
	if (coding)
		http_add_field(exchange, "Content-Encoding", slice_of(coding));
	if (coding || !answer_part(exchange, file, body, tag))
		http_answer_constant(exchange, 200, file->type, body);
	return RUN_DONE;
}
