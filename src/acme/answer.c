/* Reading it with jansson, which allocates: bodies are bounded by who fetches them, and lists and words here. See answer.h. */
#include "acme/answer.h"

#include <jansson.h>

#include "acme/key.h"

#define ERROR_TYPES "urn:ietf:params:acme:error:"

/* An answer that is an object; the caller decrements it. */
static json_t *parse(struct slice json, const char *what, struct error *error)
{
	json_error_t where;
	json_t *root = json.len > 0 && json.len <= ACME_ANSWER_MAX ? json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &where) : NULL;
	if (json_is_object(root))
		return root;
	json_decref(root);
	error_set(error, ERROR_INVALID, "the authority's %s isn't JSON as it should be", what);
	return NULL;
}

static struct slice text_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_string(value) ? slice_make(json_string_value(value), json_string_length(value)) : SLICE("");
}

/* Words of a stranger, to be shown. */
static struct slice words_of(struct slice text, struct arena *arena)
{
	struct slice copy = arena_copy(arena, slice_sub(text, 0, ACME_WORDS_MAX));
	for (size_t i = 0; i < copy.len; i++)
		if (copy.at[i] < ' ' || copy.at[i] > '~')
			((char *)(uintptr_t)copy.at)[i] = '?';
	return copy;
}

/* Printable, without blanks: else as if there were none. */
static struct slice url_of(struct slice text, struct arena *arena)
{
	bool good = text.len <= ACME_URL_MAX && slice_is_printable(text) && slice_find_char(text, ' ') == SLICE_NONE && slice_find_char(text, '"') == SLICE_NONE &&
		    slice_find_char(text, '\\') == SLICE_NONE && slice_starts(text, SLICE("https://"));
	return good ? arena_copy(arena, text) : SLICE("");
}

static struct slice url_in(const json_t *object, const char *name, struct arena *arena)
{
	return url_of(text_of(object, name), arena);
}

/* ---- The directory ---- */

bool acme_directory_read(struct slice json, struct slice profile, struct arena *arena, struct acme_directory *out, struct error *error)
{
	*out = (struct acme_directory){0};
	json_t *root = parse(json, "directory", error);
	if (!root)
		return false;
	const json_t *meta = json_object_get(root, "meta");
	out->new_nonce = url_in(root, "newNonce", arena);
	out->new_account = url_in(root, "newAccount", arena);
	out->new_order = url_in(root, "newOrder", arena);
	out->renewal_info = url_in(root, "renewalInfo", arena);
	out->terms = words_of(text_of(meta, "termsOfService"), arena);
	out->external = json_is_true(json_object_get(meta, "externalAccountRequired"));
	out->has_profile = profile.len > 0 && json_object_get(json_object_get(meta, "profiles"), arena_text(arena, profile)) != NULL;
	json_decref(root);
	return (out->new_nonce.len > 0 && out->new_account.len > 0 && out->new_order.len > 0) ||
	       error_set(error, ERROR_INVALID, "there is no directory of an ACME server (RFC 8555)");
}

/* ---- Problems ---- */

static void read_problem(const json_t *object, struct arena *arena, struct acme_problem *out)
{
	struct slice type = text_of(object, "type"), prefix = SLICE(ERROR_TYPES);
	const json_t *first = json_array_get(json_object_get(object, "subproblems"), 0);
	*out = (struct acme_problem){.words = words_of(text_of(object, "detail"), arena)};
	if (slice_starts(type, prefix))
		out->type = words_of(slice_skip(type, prefix.len), arena);
	if (first) {
		out->name = words_of(text_of(json_object_get(first, "identifier"), "value"), arena);
		struct slice more = words_of(text_of(first, "detail"), arena);
		out->words = arena_printf(arena, "%.*s: %.*s", SLICE_ARG(out->words), SLICE_ARG(more));
	}
	if (out->words.len == 0)
		out->words = out->type.len > 0 ? out->type : SLICE("it doesn't say why");
}

bool acme_problem_read(struct slice json, struct arena *arena, struct acme_problem *out)
{
	json_t *root = parse(json, "problem", NULL);
	if (root)
		read_problem(root, arena, out);
	json_decref(root);
	return root != NULL;
}

/* ---- Orders ---- */

static bool read_status(const json_t *object, enum acme_status *status)
{
	static const struct { const char *name; enum acme_status status; } names[] = {
		{"pending", ACME_PENDING}, {"ready", ACME_READY}, {"processing", ACME_PROCESSING}, {"valid", ACME_VALID}, {"invalid", ACME_INVALID},
		{"deactivated", ACME_ENDED}, {"expired", ACME_ENDED}, {"revoked", ACME_ENDED}};
	struct slice text = text_of(object, "status");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal(text, slice_of(names[i].name))) {
			*status = names[i].status;
			return true;
		}
	return false;
}

bool acme_order_read(struct slice json, struct arena *arena, struct acme_order *out, struct error *error)
{
	*out = (struct acme_order){0};
	json_t *root = parse(json, "order", error);
	if (!root)
		return false;
	const json_t *list = json_object_get(root, "authorizations"), *problem = json_object_get(root, "error");
	size_t count = json_array_size(list);
	bool good = read_status(root, &out->status) && count <= ACME_AUTHORIZATIONS_MAX;
	out->authorizations = arena_array(arena, ACME_AUTHORIZATIONS_MAX, sizeof *out->authorizations);
	for (size_t i = 0; good && i < count; i++) {
		const json_t *one = json_array_get(list, i);
		struct slice url = json_is_string(one) ? url_of(slice_make(json_string_value(one), json_string_length(one)), arena) : SLICE("");
		out->authorizations[out->authorization_count++] = url;
		good = url.len > 0;
	}
	out->finalize = url_in(root, "finalize", arena);
	out->certificate = url_in(root, "certificate", arena);
	if (json_is_object(problem))
		read_problem(problem, arena, &out->problem);
	json_decref(root);
	return (good && out->finalize.len > 0) || error_set(error, ERROR_INVALID, "the authority's order isn't one of RFC 8555");
}

/* ---- Authorizations ---- */

const char *const acme_kind_names[ACME_KINDS] = {"http-01", "tls-alpn-01", "dns-01", "dns-persist-01"};

bool acme_kind_parse(struct slice name, enum acme_kind *kind)
{
	for (unsigned i = 0; i < ACME_KINDS; i++)
		if (slice_equal(name, slice_of(acme_kind_names[i]))) {
			*kind = (enum acme_kind)i;
			return true;
		}
	return false;
}

static void read_issuers(const json_t *object, struct arena *arena, struct acme_challenge *out)
{
	const json_t *list = json_object_get(object, "issuer-domain-names");
	for (size_t i = 0; i < json_array_size(list) && out->issuer_count < sizeof out->issuers / sizeof *out->issuers; i++) {
		const json_t *one = json_array_get(list, i);
		struct slice name = json_is_string(one) ? slice_make(json_string_value(one), json_string_length(one)) : SLICE("");
		if (acme_is_name(name))
			out->issuers[out->issuer_count++] = arena_copy(arena, name);
	}
}

/* False: none that we could answer. */
static bool read_challenge(const json_t *object, struct arena *arena, struct acme_challenge *out)
{
	struct slice token = text_of(object, "token");
	enum acme_status status = ACME_PENDING;
	*out = (struct acme_challenge){.url = url_in(object, "url", arena)};
	if (!acme_kind_parse(text_of(object, "type"), &out->kind) || out->url.len == 0)
		return false;
	if (acme_is_base64url(token) && token.len <= ACME_TOKEN_MAX)
		out->token = arena_copy(arena, token);
	if (out->kind == ACME_DNS_PERSIST)
		read_issuers(object, arena, out);
	out->failed = read_status(object, &status) && status == ACME_INVALID;
	const json_t *problem = json_object_get(object, "error");
	if (json_is_object(problem))
		read_problem(problem, arena, &out->problem);
	return out->kind == ACME_DNS_PERSIST ? out->issuer_count > 0 : out->token.len > 0;
}

bool acme_authorization_read(struct slice json, struct arena *arena, struct acme_authorization *out, struct error *error)
{
	*out = (struct acme_authorization){0};
	json_t *root = parse(json, "authorization", error);
	if (!root)
		return false;
	const json_t *list = json_object_get(root, "challenges");
	struct slice name = text_of(json_object_get(root, "identifier"), "value");
	bool good = read_status(root, &out->status) && acme_is_name(name);
	out->name = good ? arena_copy(arena, name) : SLICE("");
	out->wildcard = json_is_true(json_object_get(root, "wildcard"));
	out->challenges = arena_array(arena, ACME_CHALLENGES_MAX, sizeof *out->challenges);
	for (size_t i = 0; i < json_array_size(list) && out->challenge_count < ACME_CHALLENGES_MAX; i++)
		out->challenge_count += read_challenge(json_array_get(list, i), arena, &out->challenges[out->challenge_count]);
	json_decref(root);
	return good || error_set(error, ERROR_INVALID, "the authority's authorization isn't one of RFC 8555");
}

/* ---- Renewal information ---- */

/* Digits at a place, within bounds. */
static bool number_at(struct slice text, size_t at, size_t len, uint64_t least, uint64_t most, int *out)
{
	uint64_t number;
	if (at + len > text.len || !slice_to_number(slice_sub(text, at, len), most, &number) || number < least)
		return false;
	*out = (int)number;
	return true;
}

/* "Z" or "+01:00", after the fraction. */
static bool read_offset(struct slice rest, int *minutes)
{
	int hour, minute;
	if (slice_starts(rest, SLICE(".")))
		do
			rest = slice_skip(rest, 1);
		while (rest.len > 0 && ascii_is_digit(rest.at[0]));
	*minutes = 0;
	if (slice_equal_nocase(rest, SLICE("Z")))
		return true;
	if (rest.len != 6 || (rest.at[0] != '+' && rest.at[0] != '-') || rest.at[3] != ':' || !number_at(rest, 1, 2, 0, 23, &hour) ||
	    !number_at(rest, 4, 2, 0, 59, &minute))
		return false;
	*minutes = (rest.at[0] == '-' ? -1 : 1) * (hour * 60 + minute);
	return true;
}

bool acme_time_read(struct slice text, int64_t *seconds)
{
	struct tm time = {0};
	int year, month, offset;
	bool good = text.len >= 20 && text.at[4] == '-' && text.at[7] == '-' && ascii_upper(text.at[10]) == 'T' && text.at[13] == ':' && text.at[16] == ':' &&
		    number_at(text, 0, 4, 1970, 9999, &year) && number_at(text, 5, 2, 1, 12, &month) && number_at(text, 8, 2, 1, 31, &time.tm_mday) &&
		    number_at(text, 11, 2, 0, 23, &time.tm_hour) && number_at(text, 14, 2, 0, 59, &time.tm_min) && number_at(text, 17, 2, 0, 60, &time.tm_sec) &&
		    read_offset(slice_skip(text, 19), &offset);
	if (!good)
		return false;
	time.tm_year = year - 1900;
	time.tm_mon = month - 1;
	*seconds = (int64_t)timegm(&time) - (int64_t)offset * 60;
	return true;
}

bool acme_renewal_read(struct slice json, struct arena *arena, struct acme_renewal *out, struct error *error)
{
	*out = (struct acme_renewal){0};
	json_t *root = parse(json, "renewal information", error);
	if (!root)
		return false;
	const json_t *window = json_object_get(root, "suggestedWindow");
	bool good = acme_time_read(text_of(window, "start"), &out->start) && acme_time_read(text_of(window, "end"), &out->end) && out->start <= out->end;
	out->why = words_of(text_of(root, "explanationURL"), arena);
	json_decref(root);
	return good || error_set(error, ERROR_INVALID, "the authority's renewal information isn't one of RFC 9773");
}
