/* Email/set (RFC 8621 §4.6). */
#include "base/clock.h"
#include "jmap/email_add.h"
#include "jmap/email_make.h"
#include "jmap/email_snooze.h"

/* ---- create ---- */

/* The blobs that a message is made of, open until it is written. */
struct blobs {
	struct jmap_call *call;
	struct jmap_blob *at[JMAP_MAKE_PARTS_MAX];
	size_t count;
};

static bool find_blob(void *context, struct slice id, struct slice *bytes)
{
	struct blobs *blobs = context;
	struct error error;
	if (blobs->count == JMAP_MAKE_PARTS_MAX)
		return false;
	struct jmap_blob *blob = arena_alloc(blobs->call->arena, sizeof *blob);
	if (!jmap_blob_open(blobs->call, jmap_resolve_id(blobs->call, id), blob, &error))
		return false;
	blobs->at[blobs->count++] = blob;
	*bytes = blob->bytes;
	return true;
}

static void close_blobs(struct blobs *blobs)
{
	for (size_t i = 0; i < blobs->count; i++)
		jmap_blob_close(blobs->at[i]);
}

static struct slice domain_of(struct slice account)
{
	struct slice local, domain;
	address_split(account, &local, &domain);
	return domain;
}

static json_t *make(struct jmap_adding *adding, struct jmap_making *making, const json_t *object, json_t **made)
{
	json_t *refusal = jmap_email_check(making, object);
	if (!refusal)
		refusal = jmap_adding_read(adding, object);
	if (refusal)
		return refusal;
	jmap_adding_begin(adding);
	if (!jmap_email_write(making, jmap_adding_write, adding))
		return adding->error.kind == ERROR_LIMIT ? jmap_set_error("tooLarge", NULL, "the message would be too large") : jmap_set_error_of(&adding->error);
	return jmap_adding_commit(adding, made);
}

static json_t *create(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	(void)set;
	struct blobs *blobs = arena_alloc(call->arena, sizeof *blobs);
	blobs->call = call;
	struct jmap_adding adding = {.call = call};
	struct jmap_making making = {.arena = call->arena, .find_blob = find_blob, .context = blobs, .domain = domain_of(account_name(call->account)), .now = clock_now()};
	json_t *refusal = make(&adding, &making, object, made);
	jmap_adding_drop(&adding);
	close_blobs(blobs);
	return refusal;
}

/* ---- update ---- */

/* What a patch says, gathered. */
struct patching {
	struct jmap_call *call;
	struct email_change change;
	int64_t *add, *remove;
	struct buf keywords, without;
	bool keyword_patches, mailbox_patches;
	json_t *snooze;           /* what it says of `snoozed`; NULL: nothing */
};

/* The name behind "keywords/": a JSON pointer's (RFC 6901 §3) token. False: it is none, or another follows. */
static bool read_token(struct slice token, struct arena *arena, struct slice *name)
{
	char *out = arena_alloc(arena, token.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < token.len; i++) {
		bool escape = token.at[i] == '~';
		if (token.at[i] == '/' || (escape && (i + 1 == token.len || (token.at[i + 1] != '0' && token.at[i + 1] != '1'))))
			return false;
		out[len++] = !escape ? token.at[i] : token.at[++i] == '0' ? '~' : '/';
	}
	*name = slice_make(out, len);
	return true;
}

static json_t *patch_keyword(struct patching *patching, struct slice token, const json_t *value)
{
	unsigned flag = 0;
	bool is_flag, adds = json_is_true(value);
	struct slice name;
	if (!read_token(token, patching->call->arena, &name))
		return jmap_set_error("invalidPatch", NULL, NULL);
	if ((!adds && !json_is_null(value)) || !jmap_keyword_read(name, &flag, &is_flag))
		return jmap_set_error("invalidProperties", "keywords", "a keyword can't be so");
	patching->keyword_patches = true;
	if (is_flag && adds)
		patching->change.flags |= flag;
	else if (is_flag)
		patching->change.without_flags |= flag;
	else
		buf_printf(adds ? &patching->keywords : &patching->without, "%.*s ", SLICE_ARG(name));
	return NULL;
}

static json_t *patch_mailbox(struct patching *patching, struct slice token, const json_t *value)
{
	struct slice name;
	bool adds = json_is_true(value);
	if (!read_token(token, patching->call->arena, &name))
		return jmap_set_error("invalidPatch", NULL, NULL);
	int64_t id = jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(patching->call, name));
	if ((!adds && !json_is_null(value)) || (id == 0 && adds))
		return jmap_set_error("invalidProperties", "mailboxIds", "there is no such mailbox");
	patching->mailbox_patches = true;
	if (adds)
		patching->add[patching->change.add_count++] = id;
	else if (id != 0)
		patching->remove[patching->change.remove_count++] = id;
	return NULL;
}

static json_t *set_mailboxes(struct patching *patching, const json_t *value)
{
	int64_t *ids;
	size_t count;
	if (!jmap_mailbox_ids_read(patching->call, value, &ids, &count) || count == 0)
		return jmap_set_error("invalidProperties", "mailboxIds", "an email is in one mailbox at least");
	patching->change.set_mailboxes = true;
	patching->add = ids;
	patching->change.add_count = count;
	return NULL;
}

static json_t *set_keywords(struct patching *patching, const json_t *value)
{
	struct slice keywords = {"", 0};
	if (!json_is_null(value) && !jmap_keywords_read(value, patching->call->arena, &patching->change.flags, &keywords))
		return jmap_set_error("invalidProperties", "keywords", "a keyword can't be so");
	patching->change.set_keywords = true;
	buf_append(&patching->keywords, keywords);
	return NULL;
}

/* A property that doesn't change: to say so does no harm (RFC 8620 §5.3). */
static json_t *check_same(struct patching *patching, const char *name, const json_t *value)
{
	struct jmap_email_wanted wanted;
	struct email *email;
	struct error error = {0};
	json_t *arguments = json_pack("{s:[s], s:b}", "properties", name, "fetchAllBodyValues", 1), *object = NULL;
	bool same = jmap_email_wanted_read(arguments, false, patching->call->arena, &wanted, &error) &&
		    email_get(patching->call->account, &patching->change.id, 1, MESSAGE_SUMMARY, patching->call->arena, &email, NULL, &error) && email->id != 0 &&
		    (object = jmap_email_object(patching->call, &wanted, email, &error)) && json_equal(json_object_get(object, name), value);
	json_decref(object);
	json_decref(arguments);
	return same ? NULL : jmap_set_error("invalidProperties", name, "it can't be changed");
}

static json_t *take_patch(struct patching *patching, const char *name, const json_t *value)
{
	struct slice path = slice_of(name);
	if (slice_starts(path, SLICE("/")))
		return jmap_set_error("invalidPatch", NULL, NULL);
	if (strcmp(name, "keywords") == 0)
		return set_keywords(patching, value);
	if (strcmp(name, "mailboxIds") == 0)
		return set_mailboxes(patching, value);
	if (slice_starts(path, SLICE("keywords/")))
		return patch_keyword(patching, slice_skip(path, sizeof "keywords/" - 1), value);
	if (slice_starts(path, SLICE("mailboxIds/")))
		return patch_mailbox(patching, slice_skip(path, sizeof "mailboxIds/" - 1), value);
	if (strcmp(name, "snoozed") == 0 || slice_starts(path, SLICE("snoozed/"))) {
		patching->snooze = patching->snooze ? patching->snooze : json_object();
		json_object_set(patching->snooze, name, (json_t *)value);
		return NULL;
	}
	/* All else stays as it is, whole: nothing of it is reached by a path (RFC 8620 §5.3). */
	return strchr(name, '/') ? jmap_set_error("invalidPatch", NULL, NULL) : check_same(patching, name, value);
}

static json_t *refusal_of(const struct email_change *change)
{
	if (change->missing_mailbox)
		return jmap_set_error("invalidProperties", "mailboxIds", "there is no such mailbox");
	if (change->too_many_mailboxes)
		return jmap_set_error("tooManyMailboxes", NULL, NULL);
	if (change->too_many_keywords)
		return jmap_set_error("tooManyKeywords", NULL, NULL);
	if (change->over_quota)
		return jmap_set_error("overQuota", NULL, NULL);
	if (change->error.kind == ERROR_INVALID)
		return jmap_set_error("invalidProperties", "mailboxIds", "an email is in one mailbox at least");
	return jmap_set_error_of(&change->error);
}

static json_t *run_change(struct jmap_call *call, struct email_change *change)
{
	struct error error;
	bool mismatch;
	int64_t before, after;
	if (!email_change(call->account, change, 1, -1, &mismatch, &before, &after, &error))
		return jmap_set_error_of(&error);
	return change->done ? NULL : refusal_of(change);
}

static bool is_there(struct jmap_call *call, int64_t id)
{
	struct email *email;
	struct error error;
	return id != 0 && email_get(call->account, &id, 1, MESSAGE_FLAGS, call->arena, &email, NULL, &error) && email->id != 0;
}

static json_t *read_patch(struct patching *patching, const json_t *patch)
{
	const char *name;
	json_t *value, *refusal;
	json_object_foreach((json_t *)patch, name, value)
		if ((refusal = take_patch(patching, name, value)))
			return refusal;
	/* One path may not lead to what another replaces (RFC 8620 §5.3). */
	if ((patching->change.set_keywords && patching->keyword_patches) || (patching->change.set_mailboxes && patching->mailbox_patches))
		return jmap_set_error("invalidPatch", NULL, NULL);
	return NULL;
}

static json_t *update(struct jmap_call *call, struct jmap_set *set, struct slice id, json_t *patch, json_t **changed)
{
	(void)set, (void)changed;
	size_t count = json_object_size(patch) + 1, room = count * 260 + KEYWORDS_PER_MESSAGE_MAX * (KEYWORD_MAX + 1) * 4;
	struct patching patching = {.call = call, .change = {.id = jmap_id_parse(JMAP_ID_EMAIL, id)}, .keywords = BUF(room), .without = BUF(room)};
	if (!is_there(call, patching.change.id))
		return jmap_set_error("notFound", NULL, NULL);
	patching.add = arena_array(call->arena, count, sizeof *patching.add);
	patching.remove = arena_array(call->arena, count, sizeof *patching.remove);
	json_t *refusal = read_patch(&patching, patch);
	if (!refusal) {
		if (patching.keywords.overflow || patching.without.overflow)
			refusal = jmap_set_error("tooManyKeywords", NULL, NULL);
		patching.change.add = patching.add;
		patching.change.remove = patching.remove;
		patching.change.keywords = slice_trim(buf_slice(&patching.keywords));
		patching.change.without_keywords = slice_trim(buf_slice(&patching.without));
	}
	if (!refusal && patching.snooze)
		refusal = jmap_snooze_patch(call, patching.snooze, patching.change.set_mailboxes || patching.mailbox_patches, &patching.change);
	if (!refusal && json_object_size(patch) > 0)
		refusal = run_change(call, &patching.change);
	buf_free(&patching.keywords);
	buf_free(&patching.without);
	json_decref(patching.snooze);
	return refusal;
}

/* ---- destroy ---- */

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id)
{
	struct email_change change = {.id = jmap_id_parse(JMAP_ID_EMAIL, id), .destroy = true};
	(void)set;
	return change.id != 0 ? run_change(call, &change) : jmap_set_error("notFound", NULL, NULL);
}

enum net_run jmap_email_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {create, update, destroy};
	jmap_set_run(call, &jmap_email_type, &setter, NULL, NULL);
	return RUN_DONE;
}
