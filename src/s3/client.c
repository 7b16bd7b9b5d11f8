/* Requests: signed, sent with libcurl, and tried again where that can help. */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "message/date.h"
#include "s3/internal.h"

enum {
	CREDENTIALS_MAX = 4096, ENDPOINT_MAX = S3_HOST_MAX + 16, TRUSTED_MAX = 4096,
	HEADER_MAX = 64 * 1024, FAULT_MAX = 64 * 1024,
	PATIENCE_SECONDS = 20, TRIES = 5, PAUSE_MS = 200, PAUSE_MAX_MS = 10 * 1000,
	SKEW_SECONDS = 60,     /* a difference of the clocks that isn't worth speaking of */
	SLOWEST = 16 * 1024,   /* bytes a second below which a body is too slow, all in all */
	FIELDS_MAX = 8,
};

struct s3 {
	struct s3_place place;
	struct s3_credentials credentials;
	char endpoint[ENDPOINT_MAX + 1], region[S3_REGION_MAX + 1], bucket[S3_BUCKET_MAX + 1], trusted[TRUSTED_MAX + 1];
	char scheme[6], host[S3_HOST_MAX + S3_BUCKET_MAX + 2]; /* host: as the field Host has it */
	CURL *curl;
	int64_t skew;          /* what is to be added to our clock to have the server's, in seconds */
};

/* One try. */
struct asking {
	struct s3 *s3;
	const struct s3_request *request;
	struct s3_reply *reply;
	struct curl_slist *lines;
	struct buf fault;
	size_t begun, got, header_bytes;  /* begun: how long `out` was */
	int64_t date, retry;              /* of the answer; 0 and -1: not said */
	uint64_t from, to;
	bool ranged, too_large;
	char why[CURL_ERROR_SIZE];
};

/* ---- A place ---- */

static bool take(const char *text, char *out, size_t most)
{
	size_t len = text ? strlen(text) : 0;
	if (len > most || !slice_is_printable(slice_of(text)))
		return false;
	snprintf(out, most + 1, "%s", text ? text : "");
	return true;
}

static bool has_only(const char *text, const char *characters)
{
	return *text && text[strspn(text, characters)] == '\0';
}

#define SMALL "abcdefghijklmnopqrstuvwxyz0123456789"

/* "https://host:port" */
static bool take_endpoint(struct s3 *s3)
{
	struct slice scheme, rest, host = slice_of(s3->endpoint);
	if (!slice_cut(host, ':', &scheme, &rest) || !slice_starts(rest, SLICE("//")) || !(slice_equal(scheme, SLICE("http")) || slice_equal(scheme, SLICE("https"))))
		return false;
	host = slice_skip(rest, 2);
	if (host.len > 0 && host.at[host.len - 1] == '/')
		host.len--;
	if (host.len == 0 || host.len > S3_HOST_MAX)
		return false;
	snprintf(s3->scheme, sizeof s3->scheme, "%.*s", SLICE_ARG(scheme));
	snprintf(s3->host, sizeof s3->host, "%s%s%.*s", s3->place.virtual_host ? s3->bucket : "", s3->place.virtual_host ? "." : "", SLICE_ARG(host));
	return has_only(s3->host, SMALL "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:[]");
}

static bool take_place(struct s3 *s3, struct error *error)
{
	const struct s3_place *place = &s3->place;
	if (!take(place->bucket, s3->bucket, S3_BUCKET_MAX) || !has_only(s3->bucket, SMALL ".-") || strlen(s3->bucket) < 3)
		return error_set(error, ERROR_INVALID, "a bucket's name has 3 to %d letters in lower case, digits, dots and hyphens", S3_BUCKET_MAX);
	if (!take(place->region ? place->region : "us-east-1", s3->region, S3_REGION_MAX) || !has_only(s3->region, SMALL "-"))
		return error_set(error, ERROR_INVALID, "a region's name has up to %d letters in lower case, digits and hyphens", S3_REGION_MAX);
	if (!take(place->endpoint, s3->endpoint, ENDPOINT_MAX) || !take_endpoint(s3))
		return error_set(error, ERROR_INVALID, "an object store is named like https://s3.example.org");
	if (!take(place->trusted, s3->trusted, TRUSTED_MAX))
		return error_set(error, ERROR_INVALID, "the path of the certificates to trust is too long");
	return (place->part == 0 || place->part >= S3_PART_MIN) || error_set(error, ERROR_INVALID, "a part of an upload has %d bytes at least", S3_PART_MIN);
}

static bool take_credentials(struct s3 *s3, const char *path, struct error *error)
{
	struct buf text = BUF_SECRET(CREDENTIALS_MAX);
	bool done = file_read_regular(path, &text, error) &&
		    (s3_read_credentials(buf_slice(&text), &s3->credentials) ||
		     error_set(error, ERROR_INVALID, "%s: an access key's id in the first line, and its secret in the second", path));
	buf_free(&text);
	return done;
}

static void start_library(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void set_defaults(struct s3_place *place)
{
	place->part = place->part ? place->part : S3_PART_DEFAULT;
	place->patience_seconds = place->patience_seconds ? place->patience_seconds : PATIENCE_SECONDS;
	place->tries = place->tries ? place->tries : TRIES;
	place->pause_ms = place->pause_ms ? place->pause_ms : PAUSE_MS;
}

struct s3 *s3_open(const struct s3_place *place, struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct s3 *s3 = memory_new(sizeof *s3);
	s3->place = *place;
	set_defaults(&s3->place);
	if (!take_place(s3, error) || !take_credentials(s3, place->credentials ? place->credentials : "", error)) {
		s3_close(&s3);
		return NULL;
	}
	pthread_once(&once, start_library);
	s3->curl = curl_easy_init();
	if (!s3->curl) {
		error_set(error, ERROR_TEMPORARY, "libcurl can't start");
		s3_close(&s3);
	}
	return s3;
}

void s3_close(struct s3 **s3)
{
	if (*s3 && (*s3)->curl)
		curl_easy_cleanup((*s3)->curl);
	if (*s3)
		memory_wipe(*s3, sizeof **s3);
	free(*s3);
	*s3 = NULL;
}

const struct s3_place *s3_place_of(const struct s3 *s3)
{
	return &s3->place;
}

bool s3_is_key(struct slice key, struct error *error)
{
	bool fine = key.len > 0 && key.len <= S3_KEY_MAX && slice_is_utf8(key);
	for (size_t i = 0; fine && i < key.len; i++)
		fine = (unsigned char)key.at[i] >= ' ' && key.at[i] != 0x7f;
	return fine || error_set(error, ERROR_INVALID, "no object can have that key");
}

/* ---- What libcurl calls ---- */

static void take_field(struct asking *asking, struct slice name, struct slice value)
{
	struct s3_reply *reply = asking->reply;
	uint64_t number;
	int zone;
	if (slice_equal_nocase(name, SLICE("Content-Length")) && slice_to_number(value, INT64_MAX, &number))
		reply->length = number;
	else if (slice_equal_nocase(name, SLICE("ETag")) && value.len <= S3_TAG_MAX && slice_is_printable(value))
		snprintf(reply->tag, sizeof reply->tag, "%.*s", SLICE_ARG(value));
	else if (slice_equal_nocase(name, SLICE("Date")) && !date_parse(value, &asking->date, &zone))
		asking->date = 0;
	else if (slice_equal_nocase(name, SLICE("Retry-After")))
		asking->retry = s3_read_retry(value, clock_now());
	else if (slice_equal_nocase(name, SLICE("Content-Range")))
		asking->ranged = s3_read_range(value, &asking->from, &asking->to);
}

static size_t on_header(char *at, size_t size, size_t count, void *context)
{
	enum { STATUS_AT = 9, STATUS_LEN = 3 }; /* "HTTP/1.1 200" */
	struct asking *asking = context;
	struct slice line = slice_trim(slice_make(at, size * count)), name, value;
	uint64_t status;
	asking->header_bytes += size * count;
	asking->too_large |= asking->header_bytes > HEADER_MAX;
	if (slice_starts(line, SLICE("HTTP/")) && slice_to_number(slice_sub(line, STATUS_AT, STATUS_LEN), 999, &status))
		asking->reply->status = (int)status;
	else if (slice_cut(line, ':', &name, &value))
		take_field(asking, slice_trim(name), slice_trim(value));
	return asking->too_large ? 0 : size * count;
}

static bool is_good(const struct s3_reply *reply)
{
	return reply->status >= 200 && reply->status < 300;
}

/* What is too much of an explanation is passed over. */
static size_t on_body(char *at, size_t size, size_t count, void *context)
{
	struct asking *asking = context;
	struct slice bytes = slice_make(at, size * count);
	asking->got += bytes.len;
	if (!is_good(asking->reply)) {
		buf_append(&asking->fault, slice_sub(bytes, 0, FAULT_MAX - asking->fault.len));
		return asking->got <= S3_ANSWER_MAX ? bytes.len : 0;
	}
	asking->too_large |= asking->got > asking->request->most || (asking->request->out && !buf_append(asking->request->out, bytes));
	return asking->too_large ? 0 : bytes.len;
}

static bool is_stopped(const struct s3 *s3)
{
	return s3->place.stop && atomic_load(s3->place.stop);
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return is_stopped(context);
}

/* ---- Setting up ---- */

static void set_limits(struct asking *asking)
{
	const struct s3 *s3 = asking->s3;
	const struct s3_request *request = asking->request;
	CURL *curl = s3->curl;
	long patience = s3->place.patience_seconds;
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, s3->scheme);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* nor one of the environment */
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (*s3->trusted)
		curl_easy_setopt(curl, CURLOPT_CAINFO, s3->trusted);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, patience);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, patience);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 3 * patience + (long)((request->body.len + request->most) / SLOWEST));
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "Pombal/" POMBAL_VERSION);
}

static void set_callbacks(struct asking *asking)
{
	CURL *curl = asking->s3->curl;
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, asking->why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, asking);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, asking);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, asking->s3);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

static void set_method(struct asking *asking)
{
	const struct s3_request *request = asking->request;
	CURL *curl = asking->s3->curl;
	bool sends = strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0;
	if (sends) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.at ? request->body.at : "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	}
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void append_path(const struct s3 *s3, struct slice key, struct buf *out)
{
	buf_append_char(out, '/');
	if (!s3->place.virtual_host)
		buf_printf(out, "%s%s", s3->bucket, key.len > 0 ? "/" : "");
	s3_encode(key, true, out);
}

static void append_md5(struct slice body, struct buf *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;
	if (EVP_Digest(body.at, body.len, digest, &len, EVP_md5(), NULL) == 1) /* not where FIPS forbids it: then SHA-256 is what there is */
		base64_encode(slice_make((char *)digest, len), out);
}

static void add_line(struct asking *asking, const char *name, struct slice value)
{
	struct buf line = BUF(HEADER_MAX);
	buf_printf(&line, "%s: %.*s", name, SLICE_ARG(value));
	asking->lines = curl_slist_append(asking->lines, line.at);
	buf_free(&line);
}

/* Signs the fields, in order of their names, and adds them to the lines. */
static void sign(struct asking *asking, struct slice path)
{
	const struct s3 *s3 = asking->s3;
	const struct s3_request *request = asking->request;
	struct s3_signed one = {.method = request->method, .path = path, .query = request->query};
	struct s3_field fields[FIELDS_MAX];
	unsigned char digest[S3_DIGEST_SIZE];
	char payload[S3_DIGEST_TEXT + 1], range[64];
	struct buf md5 = BUF(64), sum = BUF(64), authorization = BUF(1024);
	s3_digest(request->body, digest);
	s3_digest_text(digest, payload);
	if (request->checked) {
		append_md5(request->body, &md5);
		base64_encode(slice_make((char *)digest, sizeof digest), &sum);
	}
	snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)request->from, (unsigned long long)(request->from + request->count - 1));
	s3_stamp(clock_now() + s3->skew, one.stamp);
	if (md5.len > 0)
		fields[one.field_count++] = (struct s3_field){"content-md5", buf_slice(&md5)};
	fields[one.field_count++] = (struct s3_field){"host", slice_of(s3->host)};
	if (request->count > 0)
		fields[one.field_count++] = (struct s3_field){"range", slice_of(range)};
	if (sum.len > 0)
		fields[one.field_count++] = (struct s3_field){"x-amz-checksum-sha256", buf_slice(&sum)};
	fields[one.field_count++] = (struct s3_field){"x-amz-content-sha256", slice_of(payload)};
	fields[one.field_count++] = (struct s3_field){"x-amz-date", slice_of(one.stamp)};
	one.fields = fields;
	one.payload = payload;
	s3_sign(&s3->credentials, s3->region, &one, &authorization);
	for (size_t i = 0; i < one.field_count; i++)
		add_line(asking, fields[i].name, fields[i].value);
	add_line(asking, "Authorization", buf_slice(&authorization));
	buf_free(&md5);
	buf_free(&sum);
	buf_free(&authorization);
}

static void set_up(struct asking *asking)
{
	const struct s3 *s3 = asking->s3;
	const struct s3_request *request = asking->request;
	struct buf path = BUF(S3_PATH_MAX), url = BUF(S3_PATH_MAX + S3_QUERY_MAX + ENDPOINT_MAX + S3_BUCKET_MAX + 8);
	curl_easy_reset(s3->curl);
	append_path(s3, request->key, &path);
	buf_printf(&url, "%s://%s%.*s", s3->scheme, s3->host, SLICE_ARG(buf_slice(&path)));
	if (request->query.len > 0)
		buf_printf(&url, "?%.*s", SLICE_ARG(request->query));
	asking->lines = curl_slist_append(NULL, "Expect:"); /* none: no waiting for 100 */
	if (request->body.len > 0)
		asking->lines = curl_slist_append(asking->lines, "Content-Type: application/octet-stream");
	else
		asking->lines = curl_slist_append(asking->lines, "Content-Type:");
	sign(asking, buf_slice(&path));
	set_limits(asking);
	set_callbacks(asking);
	set_method(asking);
	curl_easy_setopt(s3->curl, CURLOPT_URL, url.at);
	curl_easy_setopt(s3->curl, CURLOPT_HTTPHEADER, asking->lines);
	buf_free(&path);
	buf_free(&url);
}

/* ---- What went wrong, in words ---- */

bool s3_say_fault(const struct s3 *s3, int status, const struct s3_fault *fault, struct error *error)
{
	enum error_kind kind = s3_kind(status, fault);
	return error_set(error, kind, "%s, bucket %s: %d %s%s%s", s3->host, s3->bucket, status, *fault->code ? fault->code : "without a reason", *fault->words ? ": " : "", fault->words);
}

static bool say_trouble(struct asking *asking, CURLcode code, struct error *error)
{
	const struct s3 *s3 = asking->s3;
	for (char *at = asking->why; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	const char *why = *asking->why ? asking->why : curl_easy_strerror(code);
	if (code == CURLE_ABORTED_BY_CALLBACK && is_stopped(s3))
		return error_set(error, ERROR_INTERRUPTED, "the server is stopping");
	if (asking->too_large)
		return error_set(error, ERROR_INVALID, "%s: the answer is larger than what was asked for", s3->host);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return error_set(error, ERROR_DENIED, "%s: its certificate isn't valid: %s", s3->host, why);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return error_set(error, ERROR_INVALID, "%s: the certificates to trust can't be read", s3->trusted);
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		return error_set(error, ERROR_INVALID, "%s: %s", s3->host, why);
	return error_set(error, ERROR_TEMPORARY, "%s: %s", s3->host, why);
}

/* Is what came what was asked for? */
static bool check_range(const struct asking *asking, struct error *error)
{
	const struct s3_request *request = asking->request;
	if (request->count == 0)
		return true;
	if (asking->reply->status != 206 || !asking->ranged)
		return error_set(error, ERROR_INVALID, "%s: the server gives no parts of objects", asking->s3->host);
	if (asking->from != request->from || asking->to != request->from + request->count - 1)
		return error_set(error, ERROR_INVALID, "%s: the object is shorter than it should be", asking->s3->host);
	return asking->got == request->count || error_set(error, ERROR_TEMPORARY, "%s: the answer isn't as long as it says", asking->s3->host);
}

/* ---- Asking ---- */

static bool perform(struct asking *asking, struct error *error)
{
	set_up(asking);
	CURLcode code = curl_easy_perform(asking->s3->curl);
	curl_slist_free_all(asking->lines);
	if (code != CURLE_OK)
		return say_trouble(asking, code, error);
	if (is_good(asking->reply))
		return check_range(asking, error);
	if (!s3_read_fault(buf_slice(&asking->fault), &asking->reply->fault))
		asking->reply->fault = (struct s3_fault){0};
	return s3_say_fault(asking->s3, asking->reply->status, &asking->reply->fault, error);
}

/* Refused, and the server's clock is another than we thought: once more by that one. */
static bool correct_clock(const struct asking *asking, bool *corrected, struct error *error)
{
	struct s3 *s3 = asking->s3;
	int64_t skew = asking->date - clock_now(), off = skew - s3->skew;
	bool refused = asking->reply->status == 403 || asking->reply->status == 400;
	if (!refused || *corrected || asking->date == 0 || (off < SKEW_SECONDS && off > -SKEW_SECONDS))
		return false;
	if (skew > S3_SKEW_MAX_SECONDS || skew < -S3_SKEW_MAX_SECONDS)
		return error_set(error, ERROR_DENIED, "%s: its clock and ours are more than a day apart", s3->host);
	s3->skew = skew;
	return *corrected = true;
}

/* Waits before the next try; false: on a stop. */
static bool wait_ms(const struct s3 *s3, int64_t ms, struct error *error)
{
	enum { STEP_MS = 50 };
	int64_t end = clock_monotonic_ms() + ms, left;
	while ((left = end - clock_monotonic_ms()) > 0 && !is_stopped(s3))
		usleep((useconds_t)(left < STEP_MS ? left : STEP_MS) * 1000);
	return !is_stopped(s3) || error_set(error, ERROR_INTERRUPTED, "the server is stopping");
}

static bool pause_before_next(const struct asking *asking, struct error *error)
{
	const struct s3 *s3 = asking->s3;
	int64_t pause = (int64_t)s3->place.pause_ms << (asking->reply->tries < 16 ? asking->reply->tries - 1 : 15);
	if (asking->retry > S3_PAUSE_MAX_SECONDS)
		return false;
	pause = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
	pause = pause / 2 + (int64_t)random_below((uint64_t)pause / 2 + 1); /* not all who wait at the same time */
	return wait_ms(s3, asking->retry * 1000 > pause ? asking->retry * 1000 : pause, error);
}

static bool ask_once(struct asking *asking, struct error *error)
{
	struct s3_reply *reply = asking->reply;
	unsigned tries = reply->tries + 1;
	*reply = (struct s3_reply){.tries = tries};
	asking->got = asking->header_bytes = 0;
	asking->date = 0;
	asking->retry = -1;
	asking->ranged = asking->too_large = false;
	asking->why[0] = '\0';
	buf_clear(&asking->fault);
	if (asking->request->out && asking->request->out->len > asking->begun) {
		asking->request->out->len = asking->begun;
		asking->request->out->at[asking->begun] = '\0';
	}
	return perform(asking, error);
}

bool s3_ask(struct s3 *s3, const struct s3_request *request, struct s3_reply *reply, struct error *error)
{
	struct asking asking = {.s3 = s3, .request = request, .reply = reply, .fault = BUF(FAULT_MAX), .begun = request->out ? request->out->len : 0};
	struct error cause = {0};
	bool done = false, corrected = false;
	*reply = (struct s3_reply){0};
	while (!(done = ask_once(&asking, &cause))) {
		if (correct_clock(&asking, &corrected, &cause))
			continue;
		if (cause.kind != ERROR_TEMPORARY || (int)reply->tries >= s3->place.tries || !pause_before_next(&asking, &cause))
			break;
	}
	if (!done)
		error_set(error, cause.kind, "%s", cause.text);
	buf_free(&asking.fault);
	return done;
}
