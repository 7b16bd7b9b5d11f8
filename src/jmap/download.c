/* Downloads over HTTP (RFC 8620 §6.2). What strangers have sent is never shown by a browser as a page of ours: it is something to save, in a sandbox, of the type that was
 * asked for and no other. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "jmap/blob.h"

enum { COPIED_MAX = 64 * 1024, TYPE_MAX = 200, NAME_MAX_SHOWN = 1000 };

static const char sandbox_policy[] = "sandbox; default-src 'none'; frame-ancestors 'none'";

/* ---- What is said of it ---- */

/* What pages of ours would run, or be dressed by. A letter's file is never given as that, so that who gets a line of HTML into a page finds no script of his own on this
 * server, from which the pages' policy lets scripts come. */
static bool is_for_pages(struct slice type)
{
	struct slice essence, rest;
	slice_cut(type, ';', &essence, &rest);
	return slice_find_nocase(essence, SLICE("script")) != SLICE_NONE || slice_find_nocase(essence, SLICE("text/css")) != SLICE_NONE;
}

/* A type is what it can be in a field; "+" may have come as a blank, as forms have it. */
static const char *type_of(struct http_exchange *exchange)
{
	struct slice type;
	if (!http_parameter(exchange, "type", &type) || type.len == 0 || type.len > TYPE_MAX || !slice_is_printable(type) || slice_find_char(type, '/') == SLICE_NONE ||
	    is_for_pages(type))
		return "application/octet-stream";
	char *text = arena_text(exchange->arena, type);
	for (char *at = text; *at && *at != ';'; at++)
		if (*at == ' ')
			*at = '+';
	return text;
}

static bool is_plain(char c) { return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '.'; }

/* RFC 6266 §4: for old programs in ASCII, and for others as it is (RFC 8187). */
static void put_name(struct http_exchange *exchange)
{
	struct slice name;
	if (!http_parameter(exchange, "name", &name) || name.len == 0 || name.len > NAME_MAX_SHOWN || !slice_is_utf8(name)) {
		http_add_field(exchange, "Content-Disposition", SLICE("attachment"));
		return;
	}
	struct buf value = BUF(4 * NAME_MAX_SHOWN + 100);
	buf_append_text(&value, "attachment; filename=\"");
	for (size_t i = 0; i < name.len; i++)
		buf_append_char(&value, is_plain(name.at[i]) || name.at[i] == ' ' ? name.at[i] : '_');
	buf_append_text(&value, "\"; filename*=UTF-8''");
	for (size_t i = 0; i < name.len; i++)
		if (is_plain(name.at[i]))
			buf_append_char(&value, name.at[i]);
		else
			buf_printf(&value, "%%%02X", (unsigned char)name.at[i]);
	http_add_field(exchange, "Content-Disposition", arena_copy(exchange->arena, buf_slice(&value)));
	buf_free(&value);
}

/* ---- The bytes ---- */

/* The file that holds them, and where in it: the blob's own, or one without a name that what was decoded is written to. -1: *error. */
static int file_of(struct account *account, struct jmap_blob *blob, uint64_t *at, struct error *error)
{
	const char *map = blob->map;
	bool own = map && blob->bytes.at >= map && blob->bytes.at + blob->bytes.len <= map + blob->map_size;
	*at = own ? (uint64_t)(blob->bytes.at - map) : 0;
	if (own)
		return fcntl(blob->fd, F_DUPFD_CLOEXEC, 0);
	int fd = account_scratch_file(account, error);
	if (fd < 0 || file_write_all(fd, blob->bytes, error))
		return fd;
	close(fd);
	return -1;
}

static void answer_bytes(struct http_exchange *exchange, struct account *account, struct jmap_blob *blob, int status, const char *type, uint64_t first, uint64_t count)
{
	struct error error;
	uint64_t at;
	if (count <= COPIED_MAX) {
		http_answer(exchange, status, type, slice_sub(blob->bytes, (size_t)first, (size_t)count));
		return;
	}
	int fd = file_of(account, blob, &at, &error);
	if (fd >= 0)
		http_answer_file(exchange, status, type, fd, at + first, count);
	else
		jmap_refuse(exchange, &(struct jmap_problem){503, NULL, NULL, "that can't be read now"});
}

static void answer_range(struct http_exchange *exchange, struct account *account, struct jmap_blob *blob, const char *type, struct slice tag)
{
	struct slice range, condition;
	uint64_t first = 0, count = blob->bytes.len;
	bool asked = exchange->head.method == HTTP_GET && http_head_find(&exchange->head, "Range", &range) &&
		     (!http_head_find(&exchange->head, "If-Range", &condition) || slice_equal(condition, tag));
	enum http_range kind = asked ? http_range_parse(range, blob->bytes.len, &first, &count) : HTTP_RANGE_NONE;
	if (kind == HTTP_RANGE_OUTSIDE) {
		http_add_field(exchange, "Content-Range", arena_printf(exchange->arena, "bytes */%zu", blob->bytes.len));
		jmap_refuse(exchange, &(struct jmap_problem){416, NULL, NULL, "it isn't that long"});
		return;
	}
	if (kind == HTTP_RANGE_PART)
		http_add_field(exchange, "Content-Range", arena_printf(exchange->arena, "bytes %llu-%llu/%zu", (unsigned long long)first, (unsigned long long)(first + count - 1),
								       blob->bytes.len));
	else {
		first = 0;
		count = blob->bytes.len;
	}
	exchange->policy = sandbox_policy;
	http_add_field(exchange, "ETag", tag);
	http_add_field(exchange, "Accept-Ranges", SLICE("bytes"));
	http_add_field(exchange, "Cache-Control", SLICE("private, immutable, max-age=31536000"));
	put_name(exchange);
	answer_bytes(exchange, account, blob, kind == HTTP_RANGE_PART ? 206 : 200, type, first, count);
}

static void answer_blob(struct http_exchange *exchange, struct jmap_request *request, struct slice id)
{
	struct error error;
	struct jmap_blob blob;
	struct slice known, tag = arena_printf(exchange->arena, "\"%.*s\"", SLICE_ARG(id));
	if (!jmap_account_blob_open(request->account, id, &blob, &error)) {
		jmap_refuse(exchange, error.kind == ERROR_NOT_FOUND || error.kind == ERROR_INVALID
					      ? &(struct jmap_problem){404, NULL, NULL, "there is no such blob"}
					      : &(struct jmap_problem){503, NULL, NULL, "that can't be read now"});
		return;
	}
	if (http_head_find(&exchange->head, "If-None-Match", &known) && http_tags_match(known, tag)) {
		http_add_field(exchange, "ETag", tag);
		http_answer(exchange, 304, NULL, SLICE(""));
	} else
		answer_range(exchange, request->account, &blob, type_of(exchange), tag);
	jmap_blob_close(&blob);
}

enum net_run jmap_download(struct http_exchange *exchange)
{
	struct jmap_problem problem = {404, NULL, NULL, "there is no such account"};
	struct slice account, id;
	struct jmap_request *request = jmap_make_request(exchange);
	slice_cut(slice_skip(exchange->path, sizeof "/jmap/download/" - 1), '/', &account, &id);
	if (!jmap_admit(exchange, JMAP_SHARE_DOWNLOAD, "maxConcurrentRequests"))
		return RUN_DONE;
	if (jmap_request_open(request, &problem) && jmap_is_own_account(request, account))
		answer_blob(exchange, request, id);
	else
		jmap_refuse(exchange, problem.status ? &problem : &(struct jmap_problem){404, NULL, NULL, "there is no such account"});
	jmap_request_close(request);
	jmap_share_leave(exchange->person.account, JMAP_SHARE_DOWNLOAD);
	return RUN_DONE;
}
