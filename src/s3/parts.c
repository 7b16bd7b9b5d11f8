/* Large objects, put in parts (multipart uploads): nothing is seen of one before it is complete, and what fails is given up. What a crash leaves
 * is given up by s3_give_up(). */
#include "s3/internal.h"
#include "xml/xml.h"

enum { TAG_ENTRY_MAX = S3_TAG_MAX * 6 + 80 };

static bool begin(struct s3 *s3, struct slice key, struct arena *arena, struct slice *upload, struct error *error)
{
	struct buf answer = BUF(S3_ANSWER_MAX);
	struct s3_reply reply;
	bool done = s3_ask(s3, &(struct s3_request){.method = "POST", .key = key, .query = SLICE("uploads="), .most = S3_ANSWER_MAX, .out = &answer}, &reply, error) &&
		    s3_read_upload(buf_slice(&answer), arena, upload, error);
	buf_free(&answer);
	return done;
}

/* Puts one, and notes it for the end. */
static bool put_part(struct s3 *s3, struct slice key, struct slice upload, unsigned number, struct slice content, struct buf *parts, struct error *error)
{
	struct buf query = BUF(S3_QUERY_MAX);
	struct s3_reply reply;
	buf_printf(&query, "partNumber=%u&uploadId=", number);
	s3_encode(upload, false, &query);
	bool done = s3_ask(s3, &(struct s3_request){.method = "PUT", .key = key, .query = buf_slice(&query), .body = content, .checked = true, .most = S3_ANSWER_MAX}, &reply, error) &&
		    (reply.tag[0] || error_set(error, ERROR_INVALID, "the server gives no ETag for a part"));
	if (done) {
		buf_printf(parts, "<Part><PartNumber>%u</PartNumber><ETag>", number);
		xml_append(parts, slice_of(reply.tag));
		buf_append_text(parts, "</ETag></Part>");
	}
	buf_free(&query);
	return done;
}

static bool put_all(struct s3 *s3, struct slice key, struct slice upload, struct slice content, struct buf *parts, struct error *error)
{
	size_t size = s3_place_of(s3)->part;
	if (content.len / size >= S3_PARTS_MAX)
		return error_set(error, ERROR_INVALID, "an object of %zu bytes would need more than %d parts", content.len, S3_PARTS_MAX);
	for (unsigned number = 1; content.len > 0; number++) {
		if (!put_part(s3, key, upload, number, slice_sub(content, 0, size), parts, error))
			return false;
		content = slice_skip(content, size);
	}
	return true;
}

/* The answer may be good by its status and a fault by what it says. If an answer was lost, the next one says that there is no such upload (any more):
 * then the object is there, and as long as it should be. */
static bool complete(struct s3 *s3, struct slice key, struct slice upload, struct slice parts, uint64_t size, struct error *error)
{
	struct buf body = BUF(S3_PARTS_MAX * TAG_ENTRY_MAX + 256), answer = BUF(S3_ANSWER_MAX), query = BUF(S3_QUERY_MAX);
	struct s3_reply reply;
	struct s3_fault fault;
	struct error cause = {0};
	uint64_t there;
	buf_printf(&query, "uploadId=");
	s3_encode(upload, false, &query);
	buf_append_text(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	buf_append(&body, parts);
	buf_append_text(&body, "</CompleteMultipartUpload>");
	struct s3_request request = {.method = "POST", .key = key, .query = buf_slice(&query), .body = buf_slice(&body), .most = S3_ANSWER_MAX, .out = &answer};
	bool done = s3_ask(s3, &request, &reply, &cause);
	if (done && s3_read_fault(buf_slice(&answer), &fault))
		done = s3_say_fault(s3, reply.status, &fault, &cause);
	if (!done && cause.kind == ERROR_NOT_FOUND)
		done = s3_size(s3, key, &there, NULL) && there == size;
	buf_free(&body);
	buf_free(&answer);
	buf_free(&query);
	return done || error_set(error, cause.kind, "%s", cause.text);
}

static void give_up(struct s3 *s3, struct slice key, struct slice upload)
{
	struct buf query = BUF(S3_QUERY_MAX);
	struct s3_reply reply;
	buf_append_text(&query, "uploadId=");
	s3_encode(upload, false, &query);
	s3_ask(s3, &(struct s3_request){.method = "DELETE", .key = key, .query = buf_slice(&query), .most = S3_ANSWER_MAX}, &reply, NULL); /* else s3_give_up() does it */
	buf_free(&query);
}

bool s3_put_parts(struct s3 *s3, struct slice key, struct slice content, struct error *error)
{
	struct arena *arena = arena_new();
	struct buf parts = BUF(S3_PARTS_MAX * TAG_ENTRY_MAX);
	struct slice upload = SLICE("");
	bool done = begin(s3, key, arena, &upload, error) && put_all(s3, key, upload, content, &parts, error) &&
		    complete(s3, key, upload, buf_slice(&parts), content.len, error);
	if (!done && upload.len > 0)
		give_up(s3, key, upload);
	buf_free(&parts);
	arena_free(&arena);
	return done;
}
