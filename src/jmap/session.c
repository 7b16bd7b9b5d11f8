/* What a client is told first (RFC 8620 §2): what there is, whose it is, and where. */
#include <openssl/evp.h>

#include "base/memory.h"
#include "jmap/internal.h"

static json_t *or_nothing(json_t *object) { return object ? object : json_object(); }

static bool is_offered(const struct jmap_capability_row *row, const struct jmap_request *request) { return !row->offered || row->offered(request); }

static bool is_of_account(const struct jmap_capability_row *row, const struct jmap_request *request)
{
	return (row->about_account || row->bare_account) && is_offered(row, request);
}

static json_t *list_server(const struct jmap_request *request)
{
	json_t *list = json_object();
	for (size_t i = 0; i < JMAP_CAPABILITY_COUNT; i++)
		if (is_offered(&jmap_capabilities[i], request))
			json_object_set_new(list, jmap_capabilities[i].urn, or_nothing(jmap_capabilities[i].about ? jmap_capabilities[i].about(request) : NULL));
	return list;
}

static json_t *describe_account(const struct jmap_request *request)
{
	json_t *list = json_object();
	for (size_t i = 0; i < JMAP_CAPABILITY_COUNT; i++)
		if (is_of_account(&jmap_capabilities[i], request))
			json_object_set_new(list, jmap_capabilities[i].urn,
					    or_nothing(jmap_capabilities[i].about_account ? jmap_capabilities[i].about_account(request) : NULL));
	return json_pack("{s:o, s:b, s:b, s:o}", "name", jmap_text(request->person.account), "isPersonal", 1, "isReadOnly", !(request->person.scopes & AUTH_MAY_CHANGE), "accountCapabilities", list);
}

/* Without the core, which is nobody's (§2). */
static json_t *list_primary(const struct jmap_request *request)
{
	json_t *list = json_object();
	for (size_t i = 0; i < JMAP_CAPABILITY_COUNT; i++)
		if (is_of_account(&jmap_capabilities[i], request) && i != JMAP_CORE)
			json_object_set_new(list, jmap_capabilities[i].urn, json_string(request->account_id));
	return list;
}

static json_t *url(const struct jmap_request *request, const char *rest)
{
	return jmap_text(arena_printf(request->arena, "%.*s/jmap/%s", SLICE_ARG(request->origin), rest));
}

/* Without the state. */
static json_t *describe(const struct jmap_request *request)
{
	json_t *session = json_object();
	json_object_set_new(session, "capabilities", list_server(request));
	json_object_set_new(session, "accounts", json_pack("{s:o}", request->account_id, describe_account(request)));
	json_object_set_new(session, "primaryAccounts", list_primary(request));
	json_object_set_new(session, "username", jmap_text(request->person.account));
	json_object_set_new(session, "apiUrl", url(request, "api"));
	json_object_set_new(session, "downloadUrl", url(request, "download/{accountId}/{blobId}?type={type}&name={name}"));
	json_object_set_new(session, "uploadUrl", url(request, "upload/{accountId}/"));
	json_object_set_new(session, "eventSourceUrl", url(request, "events?types={types}&closeafter={closeafter}&ping={ping}"));
	return session;
}

void jmap_digest(const json_t *value, char out[JMAP_STATE_MAX + 1])
{
	enum { DIGESTED_MAX = 64 * 1024, STATE_BYTES = 12 };
	unsigned char hash[EVP_MAX_MD_SIZE];
	struct buf text = BUF(DIGESTED_MAX);
	jmap_json_write(&text, value);
	if (EVP_Digest(text.at, text.len, hash, NULL, EVP_sha256(), NULL) != 1)
		memory_exhausted(0);
	for (size_t i = 0; i < STATE_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
	buf_free(&text);
}

json_t *jmap_session(const struct jmap_request *request)
{
	char state[JMAP_STATE_MAX + 1];
	json_t *session = describe(request);
	jmap_digest(session, state);
	json_object_set_new(session, "state", json_string(state));
	return session;
}

void jmap_session_state(const struct jmap_request *request, char out[JMAP_STATE_MAX + 1])
{
	json_t *session = describe(request);
	jmap_digest(session, out);
	json_decref(session);
}
