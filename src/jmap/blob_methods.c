/* Blob/upload, Blob/get, Blob/lookup (RFC 9404), Blob/copy (RFC 8620 §6.3): binary data within requests. */
#include <openssl/evp.h>

#include "base/base64.h"
#include "jmap/blob.h"

enum { SOURCES_MAX = 64 }; /* maxDataSources */

static const char *const types_with_blobs[] = {"Mailbox", "Thread", "Email"};
enum { TYPES_WITH_BLOBS = sizeof types_with_blobs / sizeof *types_with_blobs };

json_t *jmap_about_blobs(const struct jmap_request *request)
{
	json_t *types = json_array();
	for (size_t i = 0; i < TYPES_WITH_BLOBS; i++)
		json_array_append_new(types, json_string(types_with_blobs[i]));
	(void)request;
	return json_pack("{s:i, s:i, s:o, s:[s, s]}", "maxSizeBlobSet", JMAP_REQUEST_MAX, "maxDataSources", SOURCES_MAX, "supportedTypeNames", types,
			 "supportedDigestAlgorithms", "sha", "sha-256");
}

/* ---- Ranges ---- */

/* A number of an object; missing or null: `value` stays. False: it is none. */
static bool read_number(const json_t *object, const char *name, uint64_t *value)
{
	const json_t *given = json_object_get(object, name);
	if (!given || json_is_null(given))
		return true;
	*value = (uint64_t)json_integer_value(given);
	return json_is_integer(given) && json_integer_value(given) >= 0;
}

/* ---- Blob/upload (RFC 9404 §4.1) ---- */

/* Bytes of another blob. NULL: done. */
static json_t *add_blob(struct jmap_call *call, struct upload *upload, const json_t *source)
{
	struct error error = {0};
	struct jmap_blob blob;
	uint64_t offset = 0, length = UINT64_MAX;
	struct slice id = jmap_resolve_id(call, jmap_slice_of(json_object_get(source, "blobId")));
	if (!read_number(source, "offset", &offset) || !read_number(source, "length", &length))
		return jmap_set_error("invalidProperties", "data", "offset and length are numbers");
	if (!jmap_blob_open(call, id, &blob, &error))
		return jmap_set_error("blobNotFound", NULL, NULL);
	bool within = offset <= blob.bytes.len && (length == UINT64_MAX || length <= blob.bytes.len - offset);
	bool done = within && upload_write(upload, slice_sub(blob.bytes, (size_t)offset, length < SIZE_MAX ? (size_t)length : SIZE_MAX), &error);
	jmap_blob_close(&blob);
	if (!within)
		return jmap_set_error("invalidProperties", "data", "the blob isn't that long");
	return done ? NULL : error.kind == ERROR_LIMIT ? jmap_set_error("tooLarge", NULL, NULL) : jmap_set_error_of(&error);
}

static json_t *add_bytes(struct upload *upload, struct slice bytes)
{
	struct error error;
	if (upload_write(upload, bytes, &error))
		return NULL;
	return error.kind == ERROR_LIMIT ? jmap_set_error("tooLarge", NULL, NULL) : jmap_set_error_of(&error);
}

static json_t *add_base64(struct upload *upload, struct slice text)
{
	struct buf bytes = BUF(text.len);
	json_t *problem = base64_decode(text, &bytes) ? add_bytes(upload, buf_slice(&bytes)) : jmap_set_error("invalidProperties", "data", "that isn't base64");
	buf_free(&bytes);
	return problem;
}

/* A DataSourceObject: one of three. */
static json_t *add_source(struct jmap_call *call, struct upload *upload, const json_t *source)
{
	const json_t *text = json_object_get(source, "data:asText"), *base64 = json_object_get(source, "data:asBase64"), *blob = json_object_get(source, "blobId");
	int kinds = json_is_string(text) + json_is_string(base64) + json_is_string(blob);
	if (!json_is_object(source) || kinds != 1)
		return jmap_set_error("invalidProperties", "data", "a source is text, base64, or a blob");
	return json_is_string(text) ? add_bytes(upload, jmap_slice_of(text)) : json_is_string(base64) ? add_base64(upload, jmap_slice_of(base64)) : add_blob(call, upload, source);
}

static json_t *fill(struct jmap_call *call, struct upload *upload, const json_t *sources)
{
	size_t i;
	json_t *source, *problem = NULL;
	json_array_foreach(sources, i, source)
		if (!problem)
			problem = add_source(call, upload, source);
	return problem;
}

static json_t *make_blob(struct jmap_call *call, json_t *object, json_t **made)
{
	struct error error;
	const json_t *sources = json_object_get(object, "data"), *type = json_object_get(object, "type");
	const struct config *config = call->request->config;
	int64_t id;
	uint64_t size;
	if (!json_is_array(sources) || (type && !json_is_null(type) && !json_is_string(type)))
		return jmap_set_error("invalidProperties", json_is_array(sources) ? "type" : "data", NULL);
	if (json_array_size(sources) > SOURCES_MAX)
		return jmap_set_error("invalidProperties", "data", "at most %d sources", SOURCES_MAX);
	struct upload *upload = upload_new(call->account, 0, (uint64_t)config->max_message, (uint64_t)config->upload_room, &error);
	json_t *problem = upload ? fill(call, upload, sources) : jmap_set_error_of(&error);
	if (!problem && !upload_keep(&upload, &id, &size, &error))
		problem = jmap_set_error_of(&error);
	if (problem) {
		upload_abort(&upload);
		return problem;
	}
	*made = json_pack("{s:o, s:o, s:I}", "id", jmap_id(JMAP_ID_UPLOAD, id), "type", json_is_string(type) ? jmap_text(jmap_slice_of(type)) : json_null(), "size", (json_int_t)size);
	return NULL;
}

static json_t *create_blob(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	(void)set;
	return make_blob(call, object, made);
}

static json_t *or_null(json_t *map) { return json_object_size(map) > 0 ? json_incref(map) : json_null(); }

enum net_run jmap_blob_upload(struct jmap_call *call)
{
	static const struct jmap_setter setter = {.create = create_blob};
	struct jmap_set set = {.created = json_object(), .not_created = json_object()};
	if (jmap_arguments_known(call, "create") && jmap_argument_object(call, "create", &set.create) && (set.create || jmap_fail(call, "invalidArguments", "create is missing")) &&
	    jmap_set_check(call, &set)) {
		jmap_set_create(call, &set, &setter);
		jmap_respond(call, "Blob/upload", json_pack("{s:s, s:o, s:o}", "accountId", call->request->account_id, "created", or_null(set.created), "notCreated",
							    or_null(set.not_created)));
	}
	jmap_set_drop(&set);
	return RUN_DONE;
}

/* ---- Blob/get (RFC 9404 §4.2) ---- */

static const char *const get_properties[] = {"data", "data:asText", "data:asBase64", "digest:sha", "digest:sha-256", "size", "id", NULL};

static bool no_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	(void)account, (void)error;
	out[0] = '\0';
	return true;
}

static const struct jmap_type blob_type = {.name = "Blob", .capability = JMAP_BLOB, .properties = get_properties, .state = no_state};

static bool is_asked(const struct jmap_get *get, const char *property)
{
	return get->properties ? jmap_get_wants(get, property) : slice_equal(slice_of(property), SLICE("data")) || slice_equal(slice_of(property), SLICE("size"));
}

static void put_base64(json_t *object, struct slice bytes)
{
	struct buf text = BUF(bytes.len / 3 * 4 + 8);
	base64_encode(bytes, &text);
	json_object_set_new(object, "data:asBase64", jmap_text(buf_slice(&text)));
	buf_free(&text);
}

static void put_digest(json_t *object, const char *name, const EVP_MD *kind, struct slice bytes)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	struct buf text = BUF(2 * EVP_MAX_MD_SIZE);
	if (EVP_Digest(bytes.at, bytes.len, digest, &size, kind, NULL) == 1 && base64_encode(slice_make((const char *)digest, size), &text))
		json_object_set_new(object, name, jmap_text(buf_slice(&text)));
	buf_free(&text);
}

/* Text is what is UTF-8, and JSON can hold. */
static bool is_text(struct slice bytes) { return slice_is_utf8(bytes) && slice_find_char(bytes, '\0') == SLICE_NONE; }

static void put_data(const struct jmap_get *get, json_t *object, struct slice bytes)
{
	bool text = is_text(bytes), wants_text = jmap_get_wants(get, "data:asText") && get->properties;
	if (wants_text || (is_asked(get, "data") && text))
		json_object_set_new(object, "data:asText", text ? jmap_text(bytes) : json_null());
	if ((get->properties && jmap_get_wants(get, "data:asBase64")) || (is_asked(get, "data") && !text))
		put_base64(object, bytes);
	if (!text && (wants_text || is_asked(get, "data")))
		json_object_set_new(object, "isEncodingProblem", json_true());
}

struct blob_range { uint64_t offset, length; /* UINT64_MAX: to the end */ };

/* False: answered. */
static bool add_one(struct jmap_call *call, struct jmap_get *get, const struct blob_range *range, struct slice id)
{
	struct error error;
	struct jmap_blob blob;
	if (!jmap_blob_open(call, id, &blob, &error)) {
		jmap_get_miss(get, id);
		return true;
	}
	uint64_t size = blob.bytes.len, end = range->length > UINT64_MAX - range->offset ? UINT64_MAX : range->offset + range->length;
	struct slice bytes = range->offset < size ? slice_sub(blob.bytes, (size_t)range->offset, range->length < size ? (size_t)range->length : (size_t)size) : (struct slice){"", 0};
	json_t *object = json_pack("{s:s%}", "id", id.at, id.len);
	bool wants_data = is_asked(get, "data") || jmap_get_wants(get, "data:asText") || jmap_get_wants(get, "data:asBase64"), fits = !wants_data || jmap_spend(call, 3 * bytes.len);
	if (fits && wants_data)
		put_data(get, object, bytes);
	if (range->offset > size || (range->length != UINT64_MAX && end > size))
		json_object_set_new(object, "isTruncated", json_true());
	if (get->properties && jmap_get_wants(get, "digest:sha"))
		put_digest(object, "digest:sha", EVP_sha1(), bytes);
	if (get->properties && jmap_get_wants(get, "digest:sha-256"))
		put_digest(object, "digest:sha-256", EVP_sha256(), bytes);
	if (is_asked(get, "size"))
		json_object_set_new(object, "size", json_integer((json_int_t)size));
	jmap_blob_close(&blob);
	jmap_get_add(get, object);
	return fits;
}

enum net_run jmap_blob_get(struct jmap_call *call)
{
	struct jmap_get get;
	struct blob_range range = {0, UINT64_MAX};
	int64_t offset = 0, length = INT64_MAX;
	size_t i;
	json_t *id;
	if (!jmap_argument_number(call, "offset", 0, &offset) || !jmap_argument_number(call, "length", 0, &length) || !jmap_get_begin(call, &blob_type, "offset length", &get))
		return RUN_DONE;
	range = (struct blob_range){(uint64_t)offset, length == INT64_MAX ? UINT64_MAX : (uint64_t)length};
	bool done = get.ids || jmap_fail(call, "invalidArguments", "ids is missing");
	json_array_foreach(get.ids, i, id)
		done = done && add_one(call, &get, &range, jmap_slice_of(id));
	if (done)
		jmap_respond(call, "Blob/get", json_pack("{s:s, s:O, s:O}", "accountId", call->request->account_id, "list", get.list, "notFound", get.not_found));
	jmap_get_drop(&get);
	return RUN_DONE;
}

/* ---- Blob/lookup (RFC 9404 §4.3) ---- */

/* What holds the blob, of one type. An upload is held by nothing; a message, and its parts, by the email that it is. */
static json_t *holders_of(const struct email *email, struct slice type)
{
	json_t *list = json_array();
	if (email && slice_equal(type, SLICE("Email")))
		json_array_append_new(list, jmap_id(JMAP_ID_EMAIL, email->id));
	else if (email && slice_equal(type, SLICE("Thread")))
		json_array_append_new(list, jmap_id(JMAP_ID_THREAD, email->thread));
	for (uint32_t i = 0; email && slice_equal(type, SLICE("Mailbox")) && i < email->mailbox_count; i++)
		json_array_append_new(list, jmap_id(JMAP_ID_MAILBOX, email->mailboxes[i]));
	return list;
}

/* The email that the blob is, or is a part of; NULL: none that is there. */
static const struct email *email_of(struct jmap_call *call, struct slice id)
{
	struct slice whole, part;
	struct email *list;
	struct error error;
	slice_cut(id, '-', &whole, &part);
	int64_t number = jmap_id_parse(JMAP_ID_BLOB, whole);
	bool found = number != 0 && email_get(call->account, &number, 1, MESSAGE_FLAGS, call->arena, &list, NULL, &error) && list[0].id != 0;
	return found ? &list[0] : NULL;
}

static bool is_type_with_blobs(struct slice name)
{
	for (size_t i = 0; i < TYPES_WITH_BLOBS; i++)
		if (slice_equal(name, slice_of(types_with_blobs[i])))
			return true;
	return false;
}

/* NULL: there is no such blob. */
static json_t *look_up(struct jmap_call *call, json_t *types, struct slice id)
{
	struct error error;
	struct jmap_blob blob;
	json_t *one, *matched;
	size_t i;
	if (!jmap_blob_open(call, id, &blob, &error))
		return NULL;
	jmap_blob_close(&blob);
	const struct email *email = email_of(call, id);
	matched = json_object();
	json_array_foreach(types, i, one)
		json_object_set_new(matched, json_string_value(one), holders_of(email, jmap_slice_of(one)));
	return json_pack("{s:s%, s:o}", "id", id.at, id.len, "matchedIds", matched);
}

static bool check_types(struct jmap_call *call, json_t *types)
{
	size_t i;
	json_t *one;
	if (!types)
		return jmap_fail(call, "invalidArguments", "typeNames is missing");
	json_array_foreach(types, i, one)
		if (!is_type_with_blobs(jmap_slice_of(one)))
			return jmap_fail(call, "unknownDataType", NULL);
	return true;
}

enum net_run jmap_blob_lookup(struct jmap_call *call)
{
	struct jmap_get get;
	json_t *types, *id;
	size_t i;
	if (!jmap_argument_array(call, "typeNames", &types) || !check_types(call, types) || !jmap_get_begin(call, &blob_type, "typeNames", &get))
		return RUN_DONE;
	if (!get.ids)
		jmap_fail(call, "invalidArguments", "ids is missing");
	json_array_foreach(get.ids, i, id) {
		json_t *found = look_up(call, types, jmap_slice_of(id));
		if (found)
			jmap_get_add(&get, found);
		else
			jmap_get_miss(&get, jmap_slice_of(id));
	}
	if (get.ids)
		jmap_respond(call, "Blob/lookup", json_pack("{s:s, s:O, s:O}", "accountId", call->request->account_id, "list", get.list, "notFound", get.not_found));
	jmap_get_drop(&get);
	return RUN_DONE;
}

/* ---- Blob/copy ---- */

/* A person has one account: there is none to copy from. */
enum net_run jmap_blob_copy(struct jmap_call *call)
{
	struct slice from;
	json_t *ids;
	if (!jmap_arguments_known(call, "fromAccountId blobIds") || !jmap_argument_text(call, "fromAccountId", true, &from) || !jmap_argument_array(call, "blobIds", &ids))
		return RUN_DONE;
	if (!ids || slice_equal(from, slice_of(call->request->account_id)))
		jmap_fail(call, "invalidArguments", ids ? "that is the same account" : "blobIds is missing");
	else
		jmap_fail(call, "fromAccountNotFound", NULL);
	return RUN_DONE;
}
