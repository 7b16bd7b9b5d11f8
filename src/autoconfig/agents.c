/* PACC (draft-ietf-mailmaint-pacc-03; what it calls "submit" was "smtp" in 02, and is read under either name): one document for all clients of a
 * domain, and its digest in the DNS, which a client compares with the bytes it got. So the bytes must be the same whoever asks, and change only
 * when what they say does. */
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "autoconfig/internal.h"
#include "base/base64.h"
#include "message/address.h"

static const struct { const char *name; uint16_t port; } protocols[] = {
	[AUTOCONFIG_IMAP] = {"imap", 993}, [AUTOCONFIG_POP3] = {"pop3", 995}, [AUTOCONFIG_SUBMISSION] = {"submit", 465},
};

/* ---- Writing ---- */

/* What isn't UTF-8 becomes '?', and so do control characters. */
static json_t *text_of(struct slice text)
{
	struct buf clean = BUF(AUTOCONFIG_DOCUMENT_MAX);
	bool utf8 = slice_is_utf8(text);
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(&clean, (unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f || (!utf8 && (unsigned char)text.at[i] >= 0x80) ? '?' : text.at[i]);
	json_t *value = json_stringn(clean.at ? clean.at : "", clean.len);
	buf_free(&clean);
	return value;
}

static json_t *protocols_of(const struct autoconfig_plan *plan)
{
	json_t *list = json_object();
	for (int kind = 0; kind < AUTOCONFIG_KINDS; kind++) {
		const struct autoconfig_service *service = autoconfig_offered(plan, (enum autoconfig_kind)kind, AUTOCONFIG_TLS);
		if (service && service->port == protocols[kind].port)
			json_object_set_new(list, protocols[kind].name, json_pack("{s:o}", "host", text_of(plan->hostname)));
	}
	if (json_object_size(list) > 0 && plan->origin.len > 0)
		json_object_set_new(list, "jmap", json_pack("{s:o}", "url", json_sprintf("%.*s/.well-known/jmap", SLICE_ARG(plan->origin))));
	return list;
}

/* Passwords come first, as in the other documents. */
static json_t *authentication_of(const struct autoconfig_plan *plan)
{
	json_t *ways = json_pack("{s:b}", "password", 1);
	if (plan->oauth && plan->origin.len > 0)
		json_object_set_new(ways, "oauth-public", json_pack("{s:o}", "issuer", text_of(plan->origin)));
	return ways;
}

static json_t *info_of(const struct autoconfig_plan *plan)
{
	json_t *info = json_pack("{s:{s:o, s:o}}", "provider", "name", text_of(autoconfig_provider(plan, AUTOCONFIG_NAME_MAX)), "shortName",
				 text_of(autoconfig_provider(plan, AUTOCONFIG_SHORT_NAME_MAX)));
	if (plan->documentation.len > 0)
		json_object_set_new(info, "help", json_pack("{s:o}", "documentation", text_of(plan->documentation)));
	return info;
}

bool autoconfig_write_agents(const struct autoconfig_plan *plan, struct buf *out)
{
	json_t *list = protocols_of(plan);
	bool any = json_object_size(list) > 0;
	json_t *document = json_pack("{s:o, s:o, s:o}", "protocols", list, "authentication", authentication_of(plan), "info", info_of(plan));
	char *text = json_dumps(document, JSON_COMPACT); /* in the order in which they were put in */
	bool done = any && text && buf_append_text(out, text);
	free(text);
	json_decref(document);
	return done;
}

static void digest_of(struct slice document, unsigned char digest[AUTOCONFIG_DIGEST_BYTES])
{
	EVP_Digest(document.len > 0 ? document.at : "", document.len, digest, NULL, EVP_sha256(), NULL);
}

bool autoconfig_write_agents_record(struct slice document, struct buf *out)
{
	unsigned char digest[AUTOCONFIG_DIGEST_BYTES];
	digest_of(document, digest);
	buf_append(out, SLICE("v=UAAC1; a=sha256; d="));
	return base64_encode(slice_make((const char *)digest, sizeof digest), out);
}

/* ---- Reading ---- */

/* Of "a=b; c=d"; empty: there is none. */
static struct slice tag_value(struct slice text, struct slice wanted)
{
	struct slice tag, name, value, none = {NULL, 0};
	while (text.len > 0) {
		slice_cut(text, ';', &tag, &text);
		if (slice_cut(tag, '=', &name, &value) && slice_equal_nocase(slice_trim(name), wanted))
			return slice_trim(value);
	}
	return none;
}

bool autoconfig_is_agents_record(struct slice record) { return slice_equal_nocase(tag_value(record, SLICE("v")), SLICE("UAAC1")); }

bool autoconfig_record_matches(struct slice record, struct slice document)
{
	unsigned char digest[AUTOCONFIG_DIGEST_BYTES];
	struct buf told = BUF(AUTOCONFIG_DIGEST_BYTES);
	digest_of(document, digest);
	bool matches = autoconfig_is_agents_record(record) && slice_equal_nocase(tag_value(record, SLICE("a")), SLICE("sha256")) &&
		       base64_decode(tag_value(record, SLICE("d")), &told) && told.len == sizeof digest && CRYPTO_memcmp(told.at, digest, sizeof digest) == 0;
	buf_free(&told);
	return matches;
}

static const char *host_of(const json_t *list, const char *name) { return json_string_value(json_object_get(json_object_get(list, name), "host")); }

static void take_protocols(const json_t *list, struct arena *arena, struct autoconfig_found *found)
{
	for (int kind = 0; kind < AUTOCONFIG_KINDS; kind++) {
		const char *host = host_of(list, protocols[kind].name);
		if (!host && kind == AUTOCONFIG_SUBMISSION)
			host = host_of(list, "smtp");
		if (host && domain_is_valid(slice_of(host), false))
			found->servers[found->count++] = (struct autoconfig_server){(enum autoconfig_kind)kind, AUTOCONFIG_TLS, protocols[kind].port, arena_copy(arena, slice_of(host))};
	}
}

bool autoconfig_read_agents(struct slice document, struct arena *arena, struct autoconfig_found *found, struct error *error)
{
	json_error_t where;
	*found = (struct autoconfig_found){0};
	if (document.len > AUTOCONFIG_DOCUMENT_MAX)
		return error_set(error, ERROR_LIMIT, "it has more than %d bytes", AUTOCONFIG_DOCUMENT_MAX);
	json_t *value = json_loadb(document.len > 0 ? document.at : "", document.len, JSON_REJECT_DUPLICATES, &where);
	if (!value)
		return error_set(error, ERROR_INVALID, "it isn't JSON: %s", where.text);
	take_protocols(json_object_get(value, "protocols"), arena, found);
	bool named = json_is_string(json_object_get(json_object_get(json_object_get(value, "info"), "provider"), "name"));
	json_decref(value);
	if (!named)
		return error_set(error, ERROR_INVALID, "it doesn't name the provider");
	return found->count > 0 || error_set(error, ERROR_INVALID, "it names no server for mail");
}
