/* New emails, told with as much of them as a client wants (draft-ietf-jmap-emailpush-03): those that have come since it was looked last, which its filter lets
 * pass, and which nobody has read meanwhile; drafts aren't mail that has come. As many go into one message as fit; of a single one that is too large as many of its
 * properties as do, in the order in which they are wanted. */
#include "base/memory.h"
#include "jmap/email.h"
#include "jmap/email_filter.h"
#include "jmap/push_internal.h"
#include "message/summary.h"

/* One subscription's. */
struct telling {
	struct jmap_push_scratch *scratch;
	struct account *account;
	const json_t *config;
	struct jmap_email_wanted wanted;
	char state[JMAP_STATE_MAX + 1]; /* of emails, now */
	int64_t *waiting;               /* ids, ascending */
	size_t waiting_count;
};

static const json_t *config_of(const json_t *kept, const char *account_id) { return json_object_get(json_object_get(kept, "emailPush"), account_id); }

/* ---- Which ---- */

static void read_waiting(struct telling *telling, const json_t *emails)
{
	const json_t *list = json_object_get(emails, "waiting");
	telling->waiting = arena_array(telling->scratch->call.arena, json_array_size(list) + PUSH_NEW_EMAILS_MAX + 1, sizeof *telling->waiting);
	for (size_t i = 0; i < json_array_size(list); i++)
		telling->waiting[telling->waiting_count++] = json_integer_value(json_array_get(list, i));
}

/* The newest of those that were created; *point: where we are then. What can't be told any more isn't: the states say that there is something. */
static bool find_created(struct telling *telling, const json_t *emails, int64_t *ids, size_t *count, struct error *error)
{
	struct account_states states;
	struct changes_point point;
	struct changes changes = {0};
	*count = 0;
	if (!account_get_states(telling->account, &states, error))
		return false;
	jmap_state_write(&states, STATE_OF_EMAILS, telling->state);
	if (slice_equal(jmap_push_text(emails, "since"), slice_of(telling->state)) || !changes_point_read(jmap_push_text(emails, "since"), &point))
		return true;
	enum { CHANGES_LOOKED_AT = 1000 };
	if (!email_changes(telling->account, &point, CHANGES_LOOKED_AT, telling->scratch->call.arena, &changes, error))
		return false;
	for (; changes.known && *count < changes.created_count && *count < PUSH_NEW_EMAILS_MAX; (*count)++)
		ids[*count] = changes.created[*count];
	*count = jmap_ids_sort(ids, *count);
	return true;
}

static int has_attachment(const struct email *email, struct arena *arena)
{
	struct jmap_body body;
	if (email->summary.len == 0 || !summary_is_current(email->summary))
		return -1;
	const struct mime_part *root = summary_decode(email->summary, arena);
	if (!root)
		return -1;
	jmap_body_read(root, arena, &body);
	return jmap_body_has_attachment(&body);
}

/* What needs the emails of whole threads gets those of the account. */
static bool make_filter(struct telling *telling, const int64_t *ids, size_t count, struct jmap_filter **filter, struct error *error)
{
	const json_t *said = json_object_get(telling->config, "filter");
	struct jmap_call *call = &telling->scratch->call;
	struct email *all = NULL;
	size_t all_count = 0;
	*filter = jmap_filter_read(call, json_is_object(said) ? said : NULL);
	jmap_filter_among(*filter, ids, count);
	if (jmap_filter_asks_threads(*filter) && !email_list(telling->account, 0, call->arena, &all, &all_count, NULL, error))
		return false;
	return jmap_filter_prepare(call, *filter, all, all_count) || error_set(error, ERROR_TEMPORARY, "the filter can't be asked");
}

static bool is_news(const struct email *email) { return email->id != 0 && !(email->flags & (FLAG_SEEN | FLAG_DRAFT)); }

static bool add_new(struct telling *telling, const int64_t *ids, size_t count, struct error *error)
{
	struct jmap_filter *filter;
	struct email *list;
	struct arena *arena = telling->scratch->call.arena;
	if (count == 0)
		return true;
	if (!make_filter(telling, ids, count, &filter, error) || !email_get(telling->account, ids, count, MESSAGE_SUMMARY, arena, &list, NULL, error))
		return false;
	for (size_t i = 0; i < count; i++) {
		int attachment = jmap_filter_asks_attachments(filter) && is_news(&list[i]) ? has_attachment(&list[i], arena) : -1;
		if (is_news(&list[i]) && jmap_filter_passes(filter, &list[i], attachment) != PASSES_NOT)
			telling->waiting[telling->waiting_count++] = ids[i];
	}
	size_t over = telling->waiting_count > PUSH_EMAILS_WAITING_MAX ? telling->waiting_count - PUSH_EMAILS_WAITING_MAX : 0;
	telling->waiting += over;
	telling->waiting_count -= over;
	return true;
}

/* ---- What is said of them ---- */

/* Appends the property if there is room, with `left` bytes to spare. */
static bool put_property(struct buf *out, const char *name, const json_t *value, bool first, size_t left)
{
	struct buf text = BUF_SECRET(WEBPUSH_TEXT_MAX);
	buf_printf(&text, "%s\"%s\":", first ? "" : ",", name);
	jmap_json_write(&text, value);
	bool fits = !text.overflow && out->len + text.len + left <= out->max;
	if (fits)
		buf_append(out, buf_slice(&text));
	buf_free(&text);
	return fits;
}

/* The object; *whole: nothing of it was left out. */
static void put_email(const struct telling *telling, const json_t *email, struct buf *out, size_t left, bool *whole)
{
	const json_t *properties = json_object_get(telling->config, "properties");
	bool first = true;
	*whole = true;
	buf_append_char(out, '{');
	for (size_t i = 0; i < json_array_size(properties); i++) {
		const char *name = json_string_value(json_array_get(properties, i));
		const json_t *value = json_object_get(email, name);
		bool put = value && put_property(out, name, value, first, left);
		*whole = *whole && (put || !value);
		first = first && !put;
	}
	buf_append_char(out, '}');
}

/* The first is told however little fits, the others whole or not now. False: not now, or *error says why. */
static bool tell_one(const struct telling *telling, const struct email *email, bool first, size_t left, struct buf *out, struct error *error)
{
	enum { BRACES = 3 }; /* and a comma */
	size_t before = out->len;
	bool whole;
	if (out->len + BRACES + left > out->max)
		return false;
	json_t *object = jmap_email_object(&telling->scratch->call, &telling->wanted, email, error);
	if (!object)
		return false;
	if (!first)
		buf_append_char(out, ',');
	put_email(telling, object, out, left, &whole);
	json_decref(object);
	if (first || (whole && out->len + left <= out->max))
		return true;
	out->len = before;
	return false;
}

/* *taken: of those that wait, how many need no telling any more once this was told. False: there is nothing to be told. */
static bool tell_all(struct telling *telling, struct buf *out, size_t *taken, struct error *error)
{
	struct email *list;
	char tail[JMAP_STATE_MAX + 20];
	bool any = false, room = true;
	size_t left = (size_t)snprintf(tail, sizeof tail, "],\"state\":\"%s\"}", telling->state) + 2; /* … and what ends an email */
	*taken = 0;
	if (!email_get(telling->account, telling->waiting, telling->waiting_count, telling->wanted.needs_summary ? MESSAGE_SUMMARY : MESSAGE_FLAGS, telling->scratch->call.arena, &list, NULL, error))
		return false;
	buf_printf(out, "{\"@type\":\"EmailPush\",\"accountId\":\"%s\",\"emails\":[", telling->scratch->request.account_id);
	for (; *taken < telling->waiting_count && room; *taken += room) {
		if (!is_news(&list[*taken]))
			continue;
		error->kind = ERROR_NONE;
		room = tell_one(telling, &list[*taken], !any, left, out, error) || error->kind == ERROR_NOT_FOUND;
		any |= room && error->kind == ERROR_NONE;
	}
	buf_append_text(out, tail);
	error->kind = any || error->kind == ERROR_NOT_FOUND ? ERROR_NONE : error->kind;
	return any;
}

/* ---- All of it ---- */

static json_t *note(const struct telling *telling, size_t taken)
{
	json_t *waiting = json_array();
	for (size_t i = taken; i < telling->waiting_count; i++)
		json_array_append_new(waiting, json_integer(telling->waiting[i]));
	return json_pack("{s:s, s:o}", "since", telling->state, "waiting", waiting);
}

static bool read_wanted(struct telling *telling, struct error *error)
{
	json_t *arguments = json_pack("{s:O}", "properties", json_object_get(telling->config, "properties"));
	if (!arguments)
		return error_set(error, ERROR_INVALID, "it has no properties");
	bool done = jmap_email_wanted_read(arguments, false, telling->scratch->call.arena, &telling->wanted, error);
	json_decref(arguments); /* its strings are the subscription's */
	return done;
}

/* Emails is what is known in memory of it, or else what is kept. */
static bool tell(struct telling *telling, const json_t *kept, json_t **emails, struct jmap_push_due *due, struct error *error)
{
	int64_t ids[PUSH_NEW_EMAILS_MAX];
	size_t count, taken;
	enum webpush_urgency urgency = WEBPUSH_NORMAL;
	const json_t *before = *emails ? *emails : kept;
	read_waiting(telling, before);
	if (!read_wanted(telling, error) || !find_created(telling, before, ids, &count, error) || !add_new(telling, ids, count, error))
		return false;
	json_decref(*emails);
	*emails = note(telling, 0);
	if (telling->waiting_count == 0)
		return false;
	due->text = BUF_SECRET(WEBPUSH_TEXT_MAX);
	bool any = tell_all(telling, &due->text, &taken, error);
	due->then = note(telling, taken);
	if (!any && error->kind == ERROR_NONE) {
		json_decref(*emails);
		*emails = json_incref(due->then);
	}
	due->what = "emails";
	webpush_urgency_parse(jmap_push_text(telling->config, "urgency"), &urgency);
	due->urgency = urgency;
	return any;
}

bool jmap_push_emails(const struct jmap_service *service, struct account *account, const json_t *kept, json_t **emails, struct jmap_push_due *due, struct error *error)
{
	struct arena *arena = arena_new();
	struct jmap_push_scratch scratch;
	jmap_push_scratch_begin(&scratch, service, account, arena);
	struct telling telling = {.scratch = &scratch, .account = account, .config = config_of(kept, scratch.request.account_id)};
	bool told = telling.config && tell(&telling, kept, emails, due, error);
	if (!told)
		jmap_push_due_free(due);
	jmap_push_scratch_end(&scratch);
	arena_free_secret(&arena);
	return told;
}
