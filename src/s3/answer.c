/* What the server says, read as a stranger's: XML that is whole and without faults, numbers of digits, texts within their bounds. */
#include "base/array.h"
#include "message/date.h"
#include "s3/internal.h"
#include "xml/xml.h"

/* ---- Faults ---- */

static void copy_words(struct slice text, char *out, size_t room)
{
	size_t len = text.len < room ? text.len : room - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?';
	out[len] = '\0';
}

bool s3_read_fault(struct slice document, struct s3_fault *fault)
{
	struct xml xml;
	struct slice name, text;
	enum xml_event event;
	bool ended = false;
	*fault = (struct s3_fault){0};
	xml_begin(&xml, document);
	while (!ended && (event = xml_next(&xml, &name, &text)) != XML_END) {
		bool inside = xml.depth > 0 && slice_equal(xml.open[xml.depth - 1], SLICE("Error"));
		if (event == XML_CLOSED && inside && slice_equal(name, SLICE("Code")))
			copy_words(slice_trim(text), fault->code, sizeof fault->code);
		else if (event == XML_CLOSED && inside && slice_equal(name, SLICE("Message")))
			copy_words(slice_trim(text), fault->words, sizeof fault->words);
		ended = event == XML_CLOSED && slice_equal(name, SLICE("Error"));
	}
	xml_end(&xml);
	return ended;
}

static bool is_one_of(const char *words, const char *code)
{
	return *code && slice_has_word_nocase(slice_of(words), slice_of(code));
}

enum error_kind s3_kind(int status, const struct s3_fault *fault)
{
	if (status == 507 || is_one_of("QuotaExceeded InsufficientStorage StorageFull XMinioStorageFull XMinioAdminBucketQuotaExceeded", fault->code))
		return ERROR_FULL;
	if (status >= 500 || status == 408 || status == 425 || status == 429)
		return status == 501 || status == 505 ? ERROR_INVALID : ERROR_TEMPORARY;
	if (is_one_of("SlowDown RequestTimeout InternalError ServiceUnavailable OperationAborted IncompleteBody BadDigest XAmzContentSHA256Mismatch", fault->code))
		return ERROR_TEMPORARY; /* the last three: what came isn't what was sent */
	if (status == 401 || status == 403 || is_one_of("AccessDenied InvalidAccessKeyId SignatureDoesNotMatch RequestTimeTooSkewed ExpiredToken", fault->code))
		return ERROR_DENIED;
	if (status == 404 && (!*fault->code || is_one_of("NoSuchKey NoSuchUpload", fault->code)))
		return ERROR_NOT_FOUND;
	return ERROR_INVALID; /* NoSuchBucket, too: a body that isn't found is another matter than a place that isn't there */
}

/* ---- Lists ---- */

/* What is being read of a list. */
struct listing {
	struct arena *arena;
	struct s3_page *page;
	const char *entry; /* the element of one */
	bool refused;
};

static struct slice keep(struct listing *listing, struct slice text, size_t most)
{
	listing->refused |= text.len > most;
	return arena_copy(listing->arena, slice_sub(text, 0, most));
}

static void take_of_entry(struct listing *listing, struct slice name, struct slice text)
{
	struct s3_entry *entry = &listing->page->at[listing->page->count - 1];
	if (slice_equal(name, SLICE("Key")))
		entry->key = keep(listing, text, S3_KEY_MAX);
	else if (slice_equal(name, SLICE("UploadId")))
		entry->upload = keep(listing, text, S3_TOKEN_MAX);
	else if (slice_equal(name, SLICE("Initiated")))
		listing->refused |= !date_parse_internet(slice_trim(text), &entry->since);
	else if (slice_equal(name, SLICE("Size")))
		listing->refused |= !slice_to_number(slice_trim(text), INT64_MAX, &entry->size);
}

static void take_of_page(struct listing *listing, struct slice name, struct slice text)
{
	struct s3_page *page = listing->page;
	if (slice_equal(name, SLICE("IsTruncated")))
		page->more = slice_equal(slice_trim(text), SLICE("true"));
	else if (slice_equal(name, SLICE("NextContinuationToken")) || slice_equal(name, SLICE("NextKeyMarker")))
		page->next = keep(listing, text, S3_TOKEN_MAX);
	else if (slice_equal(name, SLICE("NextUploadIdMarker")))
		page->next_upload = keep(listing, text, S3_TOKEN_MAX);
}

static void begin_entry(struct listing *listing)
{
	struct s3_page *page = listing->page;
	if (page->count == S3_PAGE_MAX) {
		listing->refused = true;
		return;
	}
	ARENA_GROW(listing->arena, page->at, page->count, page->room);
	page->at[page->count++] = (struct s3_entry){0};
}

static void read_elements(struct xml *xml, struct listing *listing)
{
	struct slice name, text;
	enum xml_event event;
	while (!listing->refused && (event = xml_next(xml, &name, &text)) != XML_END) {
		bool in_entry = xml->depth == 2 && slice_equal(xml->open[1], slice_of(listing->entry));
		if (event == XML_OPENED && in_entry)
			begin_entry(listing);
		else if (event == XML_CLOSED && in_entry)
			take_of_entry(listing, name, text);
		else if (event == XML_CLOSED && xml->depth == 1)
			take_of_page(listing, name, text);
	}
}

static bool read_list(struct slice document, const char *root, const char *entry, struct arena *arena, struct s3_page *page, struct error *error)
{
	struct listing listing = {.arena = arena, .page = page, .entry = entry};
	struct xml xml;
	struct slice name, text;
	*page = (struct s3_page){0};
	xml_begin(&xml, document);
	bool rooted = xml_next(&xml, &name, &text) == XML_OPENED && slice_equal(xml.open[0], slice_of(root));
	if (rooted)
		read_elements(&xml, &listing);
	bool fine = rooted && !listing.refused && !xml.fault && !xml.refused && !(page->more && page->next.len == 0);
	xml_end(&xml);
	for (size_t i = 0; fine && i < page->count; i++)
		fine = page->at[i].key.len > 0;
	return fine || error_set(error, ERROR_INVALID, "the server's list isn't one (%s)", root);
}

bool s3_read_objects(struct slice document, struct arena *arena, struct s3_page *page, struct error *error)
{
	return read_list(document, "ListBucketResult", "Contents", arena, page, error);
}

bool s3_read_uploads(struct slice document, struct arena *arena, struct s3_page *page, struct error *error)
{
	if (!read_list(document, "ListMultipartUploadsResult", "Upload", arena, page, error))
		return false;
	for (size_t i = 0; i < page->count; i++)
		if (page->at[i].upload.len == 0)
			return error_set(error, ERROR_INVALID, "the server's list has an upload without an id");
	return true;
}

bool s3_read_upload(struct slice document, struct arena *arena, struct slice *upload, struct error *error)
{
	struct xml xml;
	struct slice name, text;
	enum xml_event event;
	*upload = SLICE("");
	xml_begin(&xml, document);
	while ((event = xml_next(&xml, &name, &text)) != XML_END)
		if (event == XML_CLOSED && xml.depth == 1 && slice_equal(xml.open[0], SLICE("InitiateMultipartUploadResult")) && slice_equal(name, SLICE("UploadId")) &&
		    text.len <= S3_TOKEN_MAX)
			*upload = arena_copy(arena, text);
	bool fine = upload->len > 0 && !xml.fault && !xml.refused;
	xml_end(&xml);
	return fine || error_set(error, ERROR_INVALID, "the server's answer names no upload");
}

/* ---- Fields ---- */

int64_t s3_read_retry(struct slice value, int64_t now)
{
	uint64_t seconds;
	int64_t at;
	int zone;
	if (slice_to_number(value, INT32_MAX, &seconds))
		return (int64_t)seconds;
	if (!date_parse(value, &at, &zone))
		return -1;
	return at > now ? at - now : 0;
}

bool s3_read_range(struct slice value, uint64_t *from, uint64_t *to)
{
	struct slice first, last, rest;
	if (!slice_starts_nocase(value, SLICE("bytes ")) || !slice_cut(slice_skip(value, 6), '-', &first, &rest) || !slice_cut(rest, '/', &last, &rest))
		return false;
	return slice_to_number(first, INT64_MAX, from) && slice_to_number(last, INT64_MAX, to) && *from <= *to;
}
