/* PushSubscription/get and /set (RFC 8620 §7.2). A subscription is of who made it, by what he signed in with: nobody else sees it, not the same person with another
 * app password either, and it ends with that. */
#include <arpa/inet.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "jmap/mail.h"
#include "jmap/object.h"
#include "jmap/push_internal.h"
#include "net/fetch.h"

static const char *const properties[] = {"id", "deviceClientId", "verificationCode", "expires", "types", "emailPush", NULL};
static const char *const secrets[] = {"url", "keys", NULL};

/* It has none that is told. */
static bool no_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	(void)account, (void)error;
	out[0] = '\0';
	return true;
}

static const struct jmap_type type = {.name = "PushSubscription", .capability = JMAP_CORE, .properties = properties, .state = no_state};

static bool uses_email_push(const struct jmap_call *call) { return call->request->using & 1u << JMAP_EMAIL_PUSH; }

/* Not of an account: a request is of the person's. */
static bool begin(struct jmap_call *call, const char *not_taken)
{
	if (!(call->request->person.scopes & AUTH_MAY_READ))
		return jmap_fail(call, "forbidden", NULL);
	if (json_object_get(call->arguments, "accountId") || json_object_get(call->arguments, not_taken))
		return jmap_fail(call, "invalidArguments", "this method takes no accountId, and no state");
	call->account = call->request->account;
	return true;
}

static json_t *or_null(json_t *value) { return value ? json_incref(value) : json_null(); }

/* As it is shown: everything but url and keys. */
static json_t *shown(int64_t id, const json_t *kept)
{
	int64_t expires = jmap_push_number(kept, "expires");
	bool verified = json_is_true(json_object_get(kept, "verified"));
	return json_pack("{s:o, s:O, s:o, s:o, s:o, s:o}", "id", jmap_id(JMAP_ID_PUSH, id), "deviceClientId", json_object_get(kept, "deviceClientId"), "verificationCode",
			 verified ? json_incref(json_object_get(kept, "code")) : json_null(), "expires", expires != 0 ? jmap_date(expires) : json_null(), "types",
			 or_null(json_object_get(kept, "types")), "emailPush", or_null(json_object_get(kept, "emailPush")));
}

/* ---- /get ---- */

static bool names_any(const json_t *list, const char *const *names)
{
	for (; *names; names++)
		for (size_t i = 0; i < json_array_size(list); i++)
			if (slice_equal(jmap_slice_of(json_array_get(list, i)), slice_of(*names)))
				return true;
	return false;
}

static void add(struct jmap_call *call, struct jmap_get *get, const struct jmap_push_kept *kept)
{
	json_t *object = shown(kept->id, kept->json);
	if (!get->properties && !uses_email_push(call))
		json_object_del(object, "emailPush");
	jmap_get_add(get, jmap_object_wanted(get, object));
}

static void answer_get(struct jmap_call *call, struct jmap_get *get, const struct jmap_push_kept *list, size_t count)
{
	size_t i;
	json_t *id;
	for (i = 0; !get->ids && i < count; i++)
		if (jmap_push_is_of(list[i].json, &call->request->person))
			add(call, get, &list[i]);
	json_array_foreach(get->ids, i, id) {
		size_t at = 0;
		int64_t number = jmap_id_parse(JMAP_ID_PUSH, jmap_slice_of(id));
		while (at < count && (list[at].id != number || !jmap_push_is_of(list[at].json, &call->request->person)))
			at++;
		if (at < count)
			add(call, get, &list[at]);
		else
			jmap_get_miss(get, jmap_slice_of(id));
	}
	jmap_respond(call, call->method->name, json_pack("{s:O, s:O}", "list", get->list, "notFound", get->not_found));
}

enum net_run jmap_push_get(struct jmap_call *call)
{
	struct jmap_get get;
	struct jmap_push_kept *list;
	struct error error;
	size_t count;
	if (!begin(call, "accountId"))
		return RUN_DONE;
	if (names_any(json_object_get(call->arguments, "properties"), secrets)) {
		jmap_fail(call, "forbidden", "url and keys are told to nobody");
		return RUN_DONE;
	}
	if (!jmap_get_begin(call, &type, NULL, &get))
		return RUN_DONE;
	struct arena *arena = arena_new(); /* there are keys among it */
	if (jmap_push_list(call->account, arena, &list, &count, &error)) {
		answer_get(call, &get, list, count);
		jmap_push_free_list(list, count);
	} else {
		jmap_fail_error(call, &error);
	}
	arena_free_secret(&arena);
	jmap_get_drop(&get);
	return RUN_DONE;
}

/* ---- How long it may last ---- */

/* Does what it is made with end by itself? Then it needs no end of its own. */
static bool is_limited(const struct jmap_call *call)
{
	const struct http_person *person = &call->request->person;
	struct auth_credential *list = NULL;
	size_t count = 0;
	if (person->session != 0 || person->credential == 0)
		return person->session != 0;
	if (auth_credential_list(call->request->service->auth, NULL, person->account, call->arena, &list, &count) != AUTH_WEB_DONE)
		return false;
	for (size_t i = 0; i < count; i++)
		if (list[i].id == person->credential)
			return list[i].kind == AUTH_GRANT || list[i].expires != 0;
	return false;
}

/* UTCDate|null. *seconds 0: no end. False: it is none, or over. */
static bool read_end(const struct jmap_call *call, const json_t *said, int64_t *seconds)
{
	struct slice text = jmap_slice_of(said);
	int64_t now = clock_now(), most = now + call->request->config->push_expire;
	*seconds = 0;
	if (said && !json_is_null(said) && (!json_is_string(said) || text.len == 0 || text.at[text.len - 1] != 'Z' || !jmap_date_read(text, seconds) || *seconds <= now))
		return false;
	if (!is_limited(call) && (*seconds == 0 || *seconds > most))
		*seconds = most;
	return true;
}

/* ---- Creating ---- */

/* An address that isn't of the internet is refused now; a name's are looked at each time. */
static bool is_url(struct slice url, struct arena *arena)
{
	struct slice origin;
	struct sockaddr_storage address = {0};
	if (!webpush_url_check(url, arena, &origin))
		return false;
	const char *host = arena_text(arena, webpush_origin_host(origin));
	if (inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)&address)->sin6_addr) == 1)
		address.ss_family = AF_INET6;
	else if (inet_pton(AF_INET, host, &((struct sockaddr_in *)&address)->sin_addr) == 1)
		address.ss_family = AF_INET;
	else
		return true;
	return !fetch_address_kind(&address) || config_may_fetch(&address);
}

static bool are_keys(const json_t *said)
{
	static const char *const names[] = {"p256dh", "auth", NULL};
	struct webpush_keys keys;
	if (!said || json_is_null(said))
		return true;
	return json_is_object(said) && !jmap_object_unknown(said, names) && webpush_keys_read(jmap_push_text(said, "p256dh"), jmap_push_text(said, "auth"), &keys);
}

static json_t *check_new(struct jmap_call *call, const json_t *object, int64_t *expires)
{
	static const char *const names[] = {"deviceClientId", "url", "keys", "verificationCode", "expires", "types", "emailPush", NULL};
	const char *unknown = jmap_object_unknown(object, names);
	struct slice device = jmap_push_text(object, "deviceClientId");
	const json_t *code = json_object_get(object, "verificationCode");
	json_t *email_push = json_object_get(object, "emailPush");
	if (unknown || (email_push && !uses_email_push(call)))
		return jmap_set_error("invalidProperties", unknown ? unknown : "emailPush", NULL);
	if (device.len == 0 || device.len > PUSH_DEVICE_MAX)
		return jmap_set_error("invalidProperties", "deviceClientId", "a text of at most %d bytes", PUSH_DEVICE_MAX);
	if (!is_url(jmap_push_text(object, "url"), call->arena))
		return jmap_set_error("invalidProperties", "url", "it isn't one of https, of a host of the internet, of at most %d bytes", WEBPUSH_URL_MAX);
	if (!are_keys(json_object_get(object, "keys")))
		return jmap_set_error("invalidProperties", "keys", "p256dh is a point of P-256, auth has 16 bytes, both in base64 for URLs");
	if (code && !json_is_null(code))
		return jmap_set_error("invalidProperties", "verificationCode", "it will be sent to the url");
	if (!read_end(call, json_object_get(object, "expires"), expires))
		return jmap_set_error("invalidProperties", "expires", "it isn't a time to come, in UTC");
	if (!jmap_push_types_fit(json_object_get(object, "types")))
		return jmap_set_error("invalidProperties", "types", NULL);
	if (json_is_object(email_push) && !json_is_object(json_object_get(object, "keys")))
		return jmap_set_error("invalidProperties", "keys", "what is told of emails must be encrypted");
	return jmap_push_email_check(call, email_push);
}

static json_t *make_code(void)
{
	unsigned char bytes[PUSH_CODE_BYTES];
	struct buf text = BUF_SECRET(WEBPUSH_KEY_TEXT_MAX);
	random_bytes(bytes, sizeof bytes);
	base64_encode_url(slice_make((char *)bytes, sizeof bytes), &text);
	json_t *code = jmap_text(buf_slice(&text));
	buf_free(&text);
	return code;
}

/* From now on new emails are told. */
static bool begin_emails(struct jmap_call *call, json_t *kept, struct error *error)
{
	char state[JMAP_STATE_MAX + 1];
	if (!jmap_email_type.state(call->account, state, error))
		return false;
	json_object_set_new(kept, "since", json_string(state));
	json_object_set_new(kept, "waiting", json_array());
	return true;
}

static json_t *make_kept(struct jmap_call *call, const json_t *object, int64_t expires, struct error *error)
{
	const struct http_person *person = &call->request->person;
	struct auth_push_key key = {0};
	if (!jmap_push_key(call->request->service->push, &key)) {
		error_set(error, ERROR_TEMPORARY, "there is no push key");
		return NULL;
	}
	json_t *states = jmap_push_states(call->account, json_object_get(object, "types"), error);
	if (!states)
		return NULL;
	json_t *kept = json_pack("{s:O, s:O, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "deviceClientId", json_object_get(object, "deviceClientId"), "url",
				 json_object_get(object, "url"), "keys", or_null(json_object_get(object, "keys")), "types", or_null(json_object_get(object, "types")), "emailPush",
				 or_null(json_object_get(object, "emailPush")), "code", make_code(), "created", (json_int_t)clock_now(), "expires", (json_int_t)expires, "identity",
				 (json_int_t)person->identity, "credential", (json_int_t)person->credential, "session", (json_int_t)person->session, "key", (json_int_t)key.id, "states", states);
	if (begin_emails(call, kept, error))
		return kept;
	json_decref(kept);
	return NULL;
}

/* Nobody else adds one meanwhile. */
static json_t *keep_new(struct jmap_call *call, const json_t *kept, int64_t *id)
{
	struct object *list;
	struct error error;
	size_t count;
	int64_t state;
	struct arena *arena = arena_new();
	bool known = object_list(call->account, OBJECT_PUSH, arena, &list, &count, &state, &error);
	arena_free_secret(&arena);
	if (!known)
		return jmap_set_error_of(&error);
	if (count >= (size_t)call->request->config->push_subscriptions)
		return jmap_set_error("overQuota", NULL, "there are %zu subscriptions already", count);
	return jmap_push_put(call->account, id, kept, &error) ? NULL : jmap_set_error_of(&error);
}

static json_t *create(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	int64_t expires, id = 0;
	struct error error;
	(void)set;
	if (!call->request->service->push || !call->request->config->push)
		return jmap_set_error("forbidden", NULL, "push is turned off here");
	json_t *refused = check_new(call, object, &expires);
	if (refused)
		return refused;
	json_t *kept = make_kept(call, object, expires, &error);
	if (!kept)
		return jmap_set_error_of(&error);
	jmap_push_lock();
	refused = keep_new(call, kept, &id);
	jmap_push_unlock();
	json_decref(kept);
	if (refused)
		return refused;
	*made = json_pack("{s:o, s:o}", "id", jmap_id(JMAP_ID_PUSH, id), "expires", expires != 0 ? jmap_date(expires) : json_null());
	static const char *const defaults[] = {"keys", "verificationCode", "types"};
	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
		if (!json_object_get(object, defaults[i]))
			json_object_set_new(*made, defaults[i], json_null());
	log_info("push.subscribed", log_slice("account", account_name(call->account)), log_id("subscription", id));
	return NULL;
}

/* ---- Updating ---- */

/* What the client says it was sent. */
static json_t *take_code(struct jmap_call *call, int64_t id, json_t *kept, const json_t *former, const json_t *now)
{
	const json_t *said = json_object_get(now, "verificationCode");
	if (json_equal(json_object_get(former, "verificationCode"), said))
		return NULL;
	if (!json_equal(json_object_get(kept, "code"), said))
		return jmap_set_error("invalidProperties", "verificationCode", "that isn't what was sent");
	json_object_set_new(kept, "verified", json_true());
	log_info("push.verified", log_slice("account", account_name(call->account)), log_id("subscription", id));
	return NULL;
}

/* What was told of types that stay has been told. */
static json_t *take_types(struct jmap_call *call, json_t *kept, json_t *types)
{
	const char *name;
	json_t *state;
	struct error error;
	if (!jmap_push_types_fit(types))
		return jmap_set_error("invalidProperties", "types", NULL);
	json_t *states = jmap_push_states(call->account, types, &error), *told = json_object_get(kept, "states");
	if (!states)
		return jmap_set_error_of(&error);
	json_object_foreach(told, name, state)
		if (json_object_get(states, name))
			json_object_set(states, name, state);
	json_object_set_new(kept, "states", states);
	json_object_set_new(kept, "types", or_null(types));
	return NULL;
}

static json_t *take_emails(struct jmap_call *call, json_t *kept, json_t *email_push)
{
	struct error error;
	if (!uses_email_push(call))
		return jmap_set_error("invalidProperties", "emailPush", NULL);
	if (json_is_object(email_push) && !json_is_object(json_object_get(kept, "keys")))
		return jmap_set_error("invalidProperties", "emailPush", "what is told of emails must be encrypted");
	json_t *refused = jmap_push_email_check(call, email_push);
	if (refused)
		return refused;
	if (!json_is_object(json_object_get(kept, "emailPush")) && !begin_emails(call, kept, &error))
		return jmap_set_error_of(&error);
	json_object_set_new(kept, "emailPush", or_null(email_push));
	return NULL;
}

static json_t *take_end(struct jmap_call *call, json_t *kept, const json_t *said, json_t **changed)
{
	int64_t expires;
	if (!read_end(call, said, &expires))
		return jmap_set_error("invalidProperties", "expires", "it isn't a time to come, in UTC");
	json_object_set_new(kept, "expires", json_integer((json_int_t)expires));
	json_t *date = expires != 0 ? jmap_date(expires) : json_null();
	if (!json_equal(date, said))
		*changed = json_pack("{s:O}", "expires", date);
	json_decref(date);
	return NULL;
}

static json_t *check_fixed(const json_t *former, const json_t *now, const json_t *patch)
{
	static const char *const fixed[] = {"id", "deviceClientId"};
	const char *unknown = jmap_object_unknown(now, properties);
	for (size_t i = 0; !unknown && secrets[i]; i++)
		if (json_object_get(patch, secrets[i]))
			unknown = secrets[i];
	for (size_t i = 0; !unknown && i < sizeof fixed / sizeof *fixed; i++)
		if (!json_equal(json_object_get(former, fixed[i]), json_object_get(now, fixed[i])))
			unknown = fixed[i];
	return unknown ? jmap_set_error("invalidProperties", unknown, "it can't be changed") : NULL;
}

static bool is_other(const json_t *former, const json_t *now, const char *name)
{
	const json_t *was = json_object_get(former, name), *is = json_object_get(now, name);
	return !(json_equal(was, is) || (json_is_null(was) && !is));
}

static json_t *apply(struct jmap_call *call, int64_t id, json_t *kept, json_t *patch, json_t **changed)
{
	json_t *former = shown(id, kept), *now = jmap_patch(former, patch), *refused;
	refused = now ? check_fixed(former, now, patch) : jmap_set_error("invalidPatch", NULL, NULL);
	if (!refused)
		refused = take_code(call, id, kept, former, now);
	if (!refused && is_other(former, now, "types"))
		refused = take_types(call, kept, json_object_get(now, "types"));
	if (!refused && is_other(former, now, "emailPush"))
		refused = take_emails(call, kept, json_object_get(now, "emailPush"));
	if (!refused && is_other(former, now, "expires"))
		refused = take_end(call, kept, json_object_get(now, "expires"), changed);
	json_decref(former);
	json_decref(now);
	return refused;
}

/* One of who asks; NULL: there is none, or it can't be read now. */
static json_t *own(struct jmap_call *call, int64_t id, json_t **refused)
{
	json_t *kept = NULL;
	struct error error;
	struct arena *arena = arena_new();
	bool found = jmap_push_find(call->account, id, arena, &kept, &error);
	arena_free_secret(&arena);
	if (!found) {
		*refused = jmap_set_error_of(&error);
		return NULL;
	}
	if (jmap_push_is_of(kept, &call->request->person))
		return kept;
	json_decref(kept);
	*refused = jmap_set_error("notFound", NULL, NULL);
	return NULL;
}

static json_t *update(struct jmap_call *call, struct jmap_set *set, struct slice text, json_t *patch, json_t **changed)
{
	int64_t id = jmap_id_parse(JMAP_ID_PUSH, text);
	json_t *refused = NULL;
	struct error error;
	(void)set;
	jmap_push_lock();
	json_t *kept = own(call, id, &refused);
	if (kept)
		refused = apply(call, id, kept, patch, changed);
	if (!refused && !jmap_push_put(call->account, &id, kept, &error))
		refused = jmap_set_error_of(&error);
	jmap_push_unlock();
	json_decref(kept);
	return refused;
}

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice text)
{
	int64_t id = jmap_id_parse(JMAP_ID_PUSH, text);
	json_t *refused = NULL;
	struct error error;
	(void)set;
	jmap_push_lock();
	json_t *kept = own(call, id, &refused);
	if (!refused && !jmap_push_put(call->account, &id, NULL, &error))
		refused = jmap_set_error_of(&error);
	jmap_push_unlock();
	json_decref(kept);
	if (!refused)
		log_info("push.removed", log_slice("account", account_name(call->account)), log_id("subscription", id), log_text("reason", "its client wanted that"));
	return refused;
}

/* ---- /set ---- */

static json_t *some(json_t *value) { return json_object_size(value) + json_array_size(value) > 0 ? json_incref(value) : json_null(); }

enum net_run jmap_push_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {create, update, destroy};
	struct jmap_set set;
	if (!begin(call, "ifInState") || !jmap_set_begin(call, &type, NULL, &set))
		return RUN_DONE;
	call->request->changed = true; /* who may only read mail may be told of it, too */
	jmap_set_create(call, &set, &setter);
	jmap_set_update(call, &set, &setter);
	jmap_set_destroy(call, &set, &setter);
	jmap_respond(call, call->method->name,
		     json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "created", some(set.created), "updated", some(set.updated), "destroyed", some(set.destroyed), "notCreated",
			       some(set.not_created), "notUpdated", some(set.not_updated), "notDestroyed", some(set.not_destroyed)));
	jmap_set_drop(&set);
	jmap_push_note(call->request->service->push, account_name(call->account));
	return RUN_DONE;
}

/* ---- What is announced ---- */

bool jmap_push_is_offered(const struct jmap_request *request) { return request->service->push && request->config->push; }

bool jmap_push_has_key(const struct jmap_request *request)
{
	struct auth_push_key key;
	return jmap_push_is_offered(request) && jmap_push_key(request->service->push, &key);
}

/* RFC 9749 §3. */
json_t *jmap_push_about_key(const struct jmap_request *request)
{
	struct auth_push_key key;
	struct buf text = BUF(WEBPUSH_KEY_TEXT_MAX);
	jmap_push_key(request->service->push, &key);
	base64_encode_url(slice_make((char *)key.public, sizeof key.public), &text);
	json_t *about = json_pack("{s:o}", "applicationServerKey", jmap_text(buf_slice(&text)));
	buf_free(&text);
	return about;
}
