/* EmailStory/get; see story.h. One question after the other: the call waits for each answer without a thread. */
#include "jmap/story.h"

#include "base/random.h"
#include "jmap/finding.h"
#include "jmap/mail.h"
#include "message/header.h"
#include "story/story.h"

struct telling {
	json_t *ids;                 /* borrowed from the call's arguments */
	size_t next;
	json_t *list, *not_found;
	struct call_ticket *ticket;  /* NULL: nothing is asked */
	enum score_language language;
};

static void drop(void *state)
{
	struct telling *telling = state;
	struct arena *arena = arena_new();
	struct story story;
	if (telling->ticket)
		story_end(&telling->ticket, arena, &story, NULL);
	arena_free(&arena);
	json_decref(telling->list);
	json_decref(telling->not_found);
}

/* ---- What a message is known by ---- */

static bool is_between(char byte) { return byte == ' ' || byte == '\t' || byte == ';'; }

static bool next_word(struct slice *rest, struct slice *word)
{
	size_t begin = 0, end;
	while (begin < rest->len && is_between(rest->at[begin]))
		begin++;
	for (end = begin; end < rest->len && !is_between(rest->at[end]);)
		end++;
	*word = slice_sub(*rest, begin, end - begin);
	*rest = slice_skip(*rest, end);
	return word->len > 0;
}

/* "… id 3kx…" in the topmost Received field: ours, if it came here; whatever it is, who answers sees to whose it is. */
static int64_t number_of(struct slice header, struct arena *arena)
{
	struct header_field field;
	if (!header_find(header, SLICE("Received"), &field))
		return 0;
	struct slice word, rest = header_unfold(field.body, arena);
	bool named = false;
	while (next_word(&rest, &word)) {
		if (named && word.len == ID_TEXT_LEN && id_parse(word) != 0)
			return id_parse(word);
		named = slice_equal(word, SLICE("id"));
	}
	return 0;
}

static struct slice message_id_of(struct slice header, struct arena *arena)
{
	struct header_field field;
	struct slice id = header_find(header, SLICE("Message-ID"), &field) ? slice_trim(header_unfold(field.body, arena)) : SLICE("");
	return id.len > 2 && id.at[0] == '<' && id.at[id.len - 1] == '>' && id.len <= STORY_MESSAGE_ID_MAX ? slice_sub(id, 1, id.len - 2) : SLICE("");
}

/* False: there is no such email, or (*error set) it can't be read now. */
static bool read_question(struct jmap_call *call, struct slice id, struct story_question *question, struct error *error)
{
	int64_t number = jmap_id_parse(JMAP_ID_EMAIL, id);
	struct jmap_blob blob;
	char blob_id[JMAP_ID_SIZE];
	jmap_id_format(JMAP_ID_BLOB, number, blob_id);
	if (number == 0 || !jmap_account_blob_open(call->account, slice_of(blob_id), &blob, error))
		return false;
	struct slice header = slice_sub(blob.bytes, 0, header_length(blob.bytes));
	*question = (struct story_question){.account = account_name(call->account), .id = number_of(header, call->arena), .message_id = arena_copy(call->arena, message_id_of(header, call->arena))};
	jmap_blob_close(&blob);
	return true;
}

/* ---- Rows ---- */

static json_t *hundredths(int number) { return json_real(number / 100.0); }

static json_t *value_of(enum story_kind kind, struct slice text, enum score_language language, struct arena *arena)
{
	struct jmap_findings findings;
	int64_t seconds;
	uint64_t number;
	int points;
	switch (kind) {
	case STORY_NUMBER:
		return slice_to_number(text, INT64_MAX >> 10, &number) ? json_integer((json_int_t)number) : NULL;
	case STORY_HUNDREDTHS: {
		bool negative = text.len > 0 && text.at[0] == '-';
		return slice_to_number(slice_skip(text, negative), 1000000000, &number) ? hundredths(negative ? -(int)number : (int)number) : NULL;
	}
	case STORY_POINTS:
		return policy_record_points(text, &points) ? hundredths(points) : NULL;
	case STORY_FLAG:
		return json_boolean(slice_equal(text, SLICE("yes")));
	case STORY_DATE:
		return jmap_date_read(text, &seconds) ? jmap_date(seconds) : NULL;
	case STORY_FINDINGS:
		jmap_findings_read(text, ';', language, arena, &findings);
		return jmap_findings_json(&findings);
	default:
		return jmap_text(text);
	}
}

static json_t *row_json(const struct story_row *row, enum score_language language, struct arena *arena)
{
	json_t *json = json_pack("{s:o, s:s}", "time", jmap_text(row->time), "event", story_event_names[row->event]);
	for (size_t i = 0; i < STORY_FIELDS; i++) {
		json_t *value = row->values[i].at ? value_of(story_fields[i].kind, row->values[i], language, arena) : NULL;
		if (value)
			json_object_set_new(json, story_fields[i].name, value);
	}
	return json;
}

static void add_story(struct telling *telling, struct slice id, const struct story *story, struct arena *arena)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < story->count; i++)
		json_array_append_new(rows, row_json(&story->rows[i], telling->language, arena));
	json_array_append_new(telling->list, json_pack("{s:o, s:o, s:b}", "id", jmap_text(id), "rows", rows, "isComplete", story->complete));
}

/* ---- Asking, one after the other ---- */

static void resume(void *conn) { conn_resume(conn); }

static struct slice next_id(const struct telling *telling) { return jmap_slice_of(json_array_get(telling->ids, telling->next)); }

/* False: answered. */
static bool take_answer(struct jmap_call *call, struct telling *telling)
{
	struct arena *arena = arena_new();
	struct story story;
	struct error error;
	bool done = story_end(&telling->ticket, arena, &story, &error);
	if (done)
		add_story(telling, next_id(telling), &story, arena);
	size_t used = arena_used(arena);
	arena_free(&arena);
	telling->next++;
	return done ? jmap_spend(call, used) : jmap_fail_error(call, &error);
}

/* False: answered. */
static bool ask_next(struct jmap_call *call, struct telling *telling)
{
	struct story_question question;
	struct error error = {0};
	if (!read_question(call, next_id(telling), &question, &error)) {
		json_array_append_new(telling->not_found, jmap_text(next_id(telling)));
		telling->next++;
		return error.kind == ERROR_NONE || error.kind == ERROR_NOT_FOUND || jmap_fail_error(call, &error);
	}
	telling->ticket = story_begin(call->request->service->story, &question, call->arena, resume, call->request->conn);
	return telling->ticket || jmap_fail(call, "serverFail", "the question is too long");
}

static bool begin(struct jmap_call *call)
{
	json_t *ids;
	if (!jmap_arguments_known(call, "ids") || !jmap_argument_ids(call, "ids", JMAP_STORIES_MAX, &ids))
		return false;
	struct telling *telling = arena_alloc(call->arena, sizeof *telling);
	*telling = (struct telling){.ids = ids, .list = json_array(), .not_found = json_array(), .language = jmap_findings_language(call)};
	call->state = telling;
	call->drop = drop;
	return true;
}

enum net_run jmap_story_get(struct jmap_call *call)
{
	if (!call->state && !begin(call))
		return RUN_DONE;
	struct telling *telling = call->state;
	for (;;) {
		if (telling->ticket && !caller_is_done(telling->ticket))
			return RUN_WAIT;
		if (telling->ticket && !take_answer(call, telling))
			return RUN_DONE;
		if (telling->next == json_array_size(telling->ids))
			break;
		if (!ask_next(call, telling))
			return RUN_DONE;
	}
	jmap_respond(call, call->method->name, json_pack("{s:s, s:O, s:O}", "accountId", call->request->account_id, "list", telling->list, "notFound", telling->not_found));
	return RUN_DONE;
}
