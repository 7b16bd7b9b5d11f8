/* Putting emails to sleep, and waking them; see email_snooze.h. The store moves them back at their time (store/snooze.h); here a change of the email is made
 * of what the client says. */
#include "jmap/email_snooze.h"

#include <string.h>

bool jmap_snoozes_read(struct jmap_call *call, struct jmap_snoozes *all, struct error *error)
{
	struct snooze *list;
	bool done = snooze_list(call->account, call->arena, &list, &all->count, error);
	all->at = done ? list : NULL;
	return done;
}

/* ---- Writing ---- */

static void put_keywords(json_t *json, unsigned flags, struct slice words, json_t *value)
{
	static const struct { unsigned flag; const char *name; } names[] = {
		{FLAG_SEEN, "$seen"}, {FLAG_ANSWERED, "$answered"}, {FLAG_FLAGGED, "$flagged"}, {FLAG_DRAFT, "$draft"},
	};
	struct slice word;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (flags & names[i].flag)
			json_object_set(json, names[i].name, value);
	while (words.len > 0) {
		slice_cut(words, ' ', &word, &words);
		if (word.len > 0)
			json_object_setn(json, word.at, word.len, value);
	}
	json_decref(value);
}

static json_t *write_snooze(const struct snooze *snooze)
{
	json_t *keywords = json_object();
	put_keywords(keywords, snooze->flags, snooze->keywords, json_true());
	put_keywords(keywords, snooze->without_flags, snooze->without_keywords, json_false());
	return json_pack("{s:o, s:o, s:o}", "until", jmap_date(snooze->until), "moveToMailboxId", snooze->mailbox != 0 ? jmap_id(JMAP_ID_MAILBOX, snooze->mailbox) : json_null(),
			 "setKeywords", keywords);
}

json_t *jmap_snooze_of(const struct jmap_snoozes *all, int64_t email)
{
	const struct snooze *snooze = snooze_find(all->at, all->count, email);
	return snooze ? write_snooze(snooze) : json_null();
}

/* ---- Reading ---- */

static json_t *bad(const char *property, const char *why) { return jmap_set_error("invalidProperties", property, "%s", why); }

static bool read_keyword(struct slice name, bool set, struct snooze *snooze, struct buf *words, struct buf *without)
{
	unsigned flag;
	bool is_flag;
	if (!jmap_keyword_read(name, &flag, &is_flag))
		return false;
	if (is_flag)
		*(set ? &snooze->flags : &snooze->without_flags) |= flag;
	else
		buf_printf(set ? words : without, "%.*s ", SLICE_ARG(name));
	return true;
}

/* It comes back unread, if nothing else is said of that. */
static json_t *read_keywords(const json_t *object, struct arena *arena, struct snooze *snooze)
{
	const char *name;
	json_t *value;
	bool fine = !object || json_is_null(object) || json_is_object(object);
	struct buf words = BUF(KEYWORDS_PER_MESSAGE_MAX * (KEYWORD_MAX + 1)), without = BUF(KEYWORDS_PER_MESSAGE_MAX * (KEYWORD_MAX + 1));
	if (json_is_object(object) && json_object_size(object) > KEYWORDS_PER_MESSAGE_MAX)
		return jmap_set_error("tooManyKeywords", NULL, NULL);
	json_object_foreach((json_t *)object, name, value)
		fine = fine && json_is_boolean(value) && read_keyword(slice_of(name), json_is_true(value), snooze, &words, &without);
	if (!(snooze->flags & FLAG_SEEN))
		snooze->without_flags |= FLAG_SEEN;
	snooze->keywords = arena_copy(arena, slice_trim(buf_slice(&words)));
	snooze->without_keywords = arena_copy(arena, slice_trim(buf_slice(&without)));
	fine = fine && !words.overflow && !without.overflow;
	buf_free(&words);
	buf_free(&without);
	return fine ? NULL : bad("snoozed", "setKeywords are keywords, each true or false");
}

/* moveToMailboxId stays 0 where it isn't said. `former`: the mailbox that it was to come back to, which may have gone; 0: none. */
static json_t *read_snooze(struct jmap_call *call, const json_t *object, int64_t former, struct snooze *snooze)
{
	const char *name;
	json_t *value;
	const json_t *until = json_object_get(object, "until"), *move = json_object_get(object, "moveToMailboxId");
	json_object_foreach((json_t *)object, name, value)
		if (strcmp(name, "until") != 0 && strcmp(name, "moveToMailboxId") != 0 && strcmp(name, "setKeywords") != 0)
			return bad("snoozed", "it has until, moveToMailboxId and setKeywords");
	if (!json_is_object(object) || !json_is_string(until) || !jmap_date_read(jmap_slice_of(until), &snooze->until))
		return bad("snoozed", "it says until when, as a UTCDate");
	if (move && !json_is_null(move)) {
		struct mailbox mailbox;
		struct error error;
		snooze->mailbox = json_is_string(move) ? jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(call, jmap_slice_of(move))) : 0;
		bool same = snooze->mailbox != 0 && snooze->mailbox == former;
		if (!same && (snooze->mailbox == 0 || !mailbox_get(call->account, snooze->mailbox, call->arena, &mailbox, &error) || !mailbox.selectable))
			return bad("snoozed", "there is no such mailbox to move it to");
	}
	return read_keywords(json_object_get(object, "setKeywords"), call->arena, snooze);
}

/* ---- What becomes of it ---- */

struct patching {
	struct jmap_call *call;
	struct email_change *change;
	const struct email *email;
	const struct snooze *asleep;  /* as it is now; NULL: it is awake */
	int64_t snoozed, inbox;       /* mailboxes; snoozed 0: there is none */
	bool places;
};

static bool is_listed(const int64_t *list, size_t count, int64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

static const int64_t *with(struct arena *arena, const int64_t *list, size_t *count, int64_t id)
{
	int64_t *longer = arena_array(arena, *count + 1, sizeof *longer);
	if (*count > 0)
		memcpy(longer, list, *count * sizeof *longer);
	if (!is_listed(list, *count, id))
		longer[(*count)++] = id;
	return longer;
}

static void add(struct patching *patching, int64_t mailbox)
{
	patching->change->add = with(patching->call->arena, patching->change->add, &patching->change->add_count, mailbox);
}

static void take_from(struct patching *patching, int64_t mailbox)
{
	patching->change->remove = with(patching->call->arena, patching->change->remove, &patching->change->remove_count, mailbox);
}

/* The mailbox that it leaves for that: where it is to come back to, or else the inbox, or else any. */
static int64_t leaves(const struct patching *patching, int64_t wanted)
{
	const struct email *email = patching->email;
	if (wanted != 0 && is_listed(email->mailboxes, email->mailbox_count, wanted))
		return wanted;
	return is_listed(email->mailboxes, email->mailbox_count, patching->inbox) ? patching->inbox : email->mailboxes[0];
}

static struct slice mailbox_name(const struct jmap_call *call)
{
	static const char *const names[LANGUAGE_COUNT] = {[LANGUAGE_EN] = "Snoozed", [LANGUAGE_PT] = "Adiados", [LANGUAGE_RU] = "Отложенные"};
	return slice_of(names[auth_language(call->request->service->auth, account_name(call->account))]);
}

static json_t *put_to_sleep(struct patching *patching, const json_t *object)
{
	struct snooze *snooze = arena_alloc(patching->call->arena, sizeof *snooze);
	struct error error;
	*snooze = (struct snooze){.keywords = SLICE(""), .without_keywords = SLICE("")};
	json_t *refused = read_snooze(patching->call, object, patching->asleep ? patching->asleep->mailbox : 0, snooze);
	if (refused)
		return refused;
	if (patching->snoozed == 0 && !snooze_mailbox(patching->call->account, mailbox_name(patching->call), &patching->snoozed, &error))
		return jmap_set_error_of(&error);
	patching->change->snooze = snooze;
	if (patching->asleep) {
		snooze->mailbox = snooze->mailbox != 0 ? snooze->mailbox : patching->asleep->mailbox;
		if (patching->places) /* it may have been said that it leaves */
			add(patching, patching->snoozed);
		return NULL;
	}
	int64_t left = leaves(patching, snooze->mailbox);
	snooze->mailbox = snooze->mailbox != 0 ? snooze->mailbox : left != patching->snoozed ? left : 0;
	add(patching, patching->snoozed);
	if (!patching->places && left != patching->snoozed)
		take_from(patching, left);
	return NULL;
}

static struct slice both(struct arena *arena, struct slice a, struct slice b) { return slice_trim(arena_printf(arena, "%.*s %.*s", SLICE_ARG(a), SLICE_ARG(b))); }

static json_t *wake(struct patching *patching)
{
	const struct snooze *asleep = patching->asleep;
	struct email_change *change = patching->change;
	struct arena *arena = patching->call->arena;
	struct mailbox mailbox;
	struct error error;
	if (!asleep)
		return NULL;
	if (!patching->places) {
		bool there = asleep->mailbox != 0 && mailbox_get(patching->call->account, asleep->mailbox, arena, &mailbox, &error) && mailbox.selectable;
		add(patching, there ? asleep->mailbox : patching->inbox);
	}
	if (!change->set_mailboxes)
		take_from(patching, patching->snoozed);
	if (change->set_keywords)
		return NULL;
	change->flags |= asleep->flags;
	change->without_flags |= asleep->without_flags & ~change->flags;
	change->keywords = both(arena, change->keywords, asleep->keywords);
	change->without_keywords = both(arena, change->without_keywords, asleep->without_keywords);
	return NULL;
}

static bool find_mailboxes(struct patching *patching, struct error *error)
{
	struct mailbox *list;
	size_t count;
	if (!mailbox_list(patching->call->account, patching->call->arena, &list, &count, error))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (list[i].use == USE_SNOOZED)
			patching->snoozed = list[i].id;
		if (slice_equal(list[i].name, SLICE("INBOX")))
			patching->inbox = list[i].id;
	}
	return true;
}

json_t *jmap_snooze_patch(struct jmap_call *call, const json_t *patch, bool places, struct email_change *change)
{
	struct patching patching = {.call = call, .change = change, .places = places};
	struct jmap_snoozes all;
	struct email *email;
	struct error error;
	if (!email_get(call->account, &change->id, 1, MESSAGE_FLAGS, call->arena, &email, NULL, &error) || !jmap_snoozes_read(call, &all, &error) ||
	    !find_mailboxes(&patching, &error))
		return jmap_set_error_of(&error);
	if (email->id == 0)
		return jmap_set_error("notFound", NULL, NULL);
	patching.email = email;
	patching.asleep = snooze_find(all.at, all.count, change->id);
	json_t *former = json_pack("{s:o}", "snoozed", jmap_snooze_of(&all, change->id)), *now = jmap_patch(former, (json_t *)patch);
	const json_t *wanted = json_object_get(now, "snoozed");
	json_t *refused = !now ? jmap_set_error("invalidPatch", NULL, NULL) : !wanted || json_is_null(wanted) ? wake(&patching) : put_to_sleep(&patching, wanted);
	json_decref(now);
	json_decref(former);
	return refused;
}
