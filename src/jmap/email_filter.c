/* Filters of Email/query; see email_filter.h. */
#include "jmap/email_filter.h"

#include "base/clock.h"
#include "jmap/email_snooze.h"

enum condition {
	IN_MAILBOX, IN_MAILBOX_OTHER_THAN, BEFORE, AFTER, MIN_SIZE, MAX_SIZE, ALL_IN_THREAD, SOME_IN_THREAD, NONE_IN_THREAD, HAS_KEYWORD, NOT_KEYWORD,
	HAS_ATTACHMENT, IS_SNOOZED, TEXT, FROM, TO, CC, BCC, SUBJECT, BODY, HEADER,
	AND, OR, NOT,
};
enum kind { KIND_ID, KIND_IDS, KIND_DATE, KIND_NUMBER, KIND_KEYWORD, KIND_BOOL, KIND_TEXT, KIND_HEADER };

static const struct row { const char *name; enum condition condition; enum kind kind; enum search_place place; } rows[] = {
	{"inMailbox", IN_MAILBOX, KIND_ID, 0}, {"inMailboxOtherThan", IN_MAILBOX_OTHER_THAN, KIND_IDS, 0}, {"before", BEFORE, KIND_DATE, 0}, {"after", AFTER, KIND_DATE, 0},
	{"minSize", MIN_SIZE, KIND_NUMBER, 0}, {"maxSize", MAX_SIZE, KIND_NUMBER, 0}, {"allInThreadHaveKeyword", ALL_IN_THREAD, KIND_KEYWORD, 0},
	{"someInThreadHaveKeyword", SOME_IN_THREAD, KIND_KEYWORD, 0}, {"noneInThreadHaveKeyword", NONE_IN_THREAD, KIND_KEYWORD, 0},
	{"hasKeyword", HAS_KEYWORD, KIND_KEYWORD, 0}, {"notKeyword", NOT_KEYWORD, KIND_KEYWORD, 0}, {"hasAttachment", HAS_ATTACHMENT, KIND_BOOL, 0},
	{"isSnoozed", IS_SNOOZED, KIND_BOOL, 0},
	{"text", TEXT, KIND_TEXT, SEARCH_TEXT}, {"from", FROM, KIND_TEXT, SEARCH_FROM}, {"to", TO, KIND_TEXT, SEARCH_TO}, {"cc", CC, KIND_TEXT, SEARCH_CC},
	{"bcc", BCC, KIND_TEXT, SEARCH_BCC}, {"subject", SUBJECT, KIND_TEXT, SEARCH_SUBJECT}, {"body", BODY, KIND_TEXT, SEARCH_BODY}, {"header", HEADER, KIND_HEADER, SEARCH_HEADER},
};

struct node {
	enum condition condition;
	struct node *children, *next;
	int64_t number;            /* a date, a size, a mailbox; hasAttachment, isSnoozed: 1 or 0 */
	int64_t *ids;              /* mailboxes, or the emails in which the text is, or that sleep; ascending */
	size_t id_count;
	struct search_text text;
	struct jmap_thread_keyword keyword;
};

struct jmap_filter {
	struct node *root;         /* an AND */
	bool threads, attachments, others, prepared;
	const int64_t *among;      /* NULL: all of the account */
	size_t among_count;
};

/* ---- checking ---- */

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(name, rows[i].name) == 0)
			return &rows[i];
	return NULL;
}

static bool are_texts(const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_string(json_array_get(value, i)))
			return false;
	return json_is_array(value);
}

static bool fits(enum kind kind, const json_t *value)
{
	int64_t seconds;
	switch (kind) {
	case KIND_IDS:
		return are_texts(value) && json_array_size(value) <= EMAIL_MAILBOXES_MAX;
	case KIND_DATE:
		return json_is_string(value) && jmap_date_read(jmap_slice_of(value), &seconds);
	case KIND_NUMBER:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case KIND_BOOL:
		return json_is_boolean(value);
	case KIND_HEADER:
		return are_texts(value) && (json_array_size(value) == 1 || json_array_size(value) == 2) && json_string_length(json_array_get(value, 0)) > 0;
	default:
		return json_is_string(value);
	}
}

static bool check_condition(struct jmap_call *call, json_t *condition, void *context)
{
	size_t *texts = context;
	const char *name;
	json_t *value;
	json_object_foreach(condition, name, value) {
		const struct row *row = find_row(name);
		if (!row)
			return jmap_fail(call, "unsupportedFilter", "emails have no condition of the name %.100s", name);
		if (!fits(row->kind, value))
			return jmap_fail(call, "invalidArguments", "the condition %s is of another type", name);
		if ((row->kind == KIND_TEXT || row->kind == KIND_HEADER) && ++*texts > JMAP_FILTER_TEXTS_MAX)
			return jmap_fail(call, "unsupportedFilter", "at most %d texts are looked for at a time", JMAP_FILTER_TEXTS_MAX);
	}
	return true;
}

bool jmap_email_filter_check(struct jmap_call *call, json_t *filter)
{
	size_t texts = 0;
	return jmap_filter_check(call, filter, check_condition, &texts);
}

/* ---- reading ---- */

static struct node *add_node(struct jmap_call *call, struct node *parent, enum condition condition)
{
	struct node *node = arena_alloc(call->arena, sizeof *node);
	node->condition = condition;
	node->next = parent->children;
	parent->children = node;
	return node;
}

static struct search_text text_of(const struct row *row, const json_t *value)
{
	if (row->kind != KIND_HEADER)
		return (struct search_text){row->place, jmap_slice_of(value), {NULL, 0}};
	return (struct search_text){row->place, jmap_slice_of(json_array_get(value, 1)), jmap_slice_of(json_array_get(value, 0))};
}

static void read_condition(struct jmap_call *call, struct node *parent, const struct row *row, const json_t *value)
{
	struct node *node = add_node(call, parent, row->condition);
	if (row->kind == KIND_ID)
		node->number = jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(call, jmap_slice_of(value)));
	else if (row->kind == KIND_IDS) {
		node->ids = jmap_ids_read(call, value, JMAP_ID_MAILBOX);
		node->id_count = jmap_ids_sort(node->ids, json_array_size(value));
	} else if (row->kind == KIND_DATE)
		jmap_date_read(jmap_slice_of(value), &node->number);
	else if (row->kind == KIND_NUMBER)
		node->number = json_integer_value(value);
	else if (row->kind == KIND_BOOL)
		node->number = json_is_true(value);
	else if (row->kind == KIND_KEYWORD)
		node->keyword.keyword = jmap_slice_of(value);
	else
		node->text = text_of(row, value);
}

static void read_filter(struct jmap_call *call, struct node *parent, const json_t *filter)
{
	const json_t *conditions = json_object_get(filter, "conditions");
	struct slice operator = jmap_slice_of(json_object_get(filter, "operator"));
	const char *name;
	json_t *value;
	if (operator.len > 0) {
		enum condition condition = slice_equal(operator, SLICE("AND")) ? AND : slice_equal(operator, SLICE("OR")) ? OR : NOT;
		struct node *node = add_node(call, parent, condition);
		for (size_t i = 0; i < json_array_size(conditions); i++)
			read_filter(call, node, json_array_get(conditions, i));
		return;
	}
	struct node *all = add_node(call, parent, AND);
	json_object_foreach((json_t *)filter, name, value)
		read_condition(call, all, find_row(name), value);
}

static void note_needs(struct jmap_filter *filter, const struct node *node)
{
	filter->threads |= node->condition == ALL_IN_THREAD || node->condition == SOME_IN_THREAD || node->condition == NONE_IN_THREAD;
	filter->attachments |= node->condition == HAS_ATTACHMENT;
	filter->others |= node->condition >= IS_SNOOZED && node->condition <= HEADER;
	for (const struct node *child = node->children; child; child = child->next)
		note_needs(filter, child);
}

struct jmap_filter *jmap_filter_read(struct jmap_call *call, const json_t *filter)
{
	struct jmap_filter *result = arena_alloc(call->arena, sizeof *result);
	result->root = arena_alloc(call->arena, sizeof *result->root);
	result->root->condition = AND;
	if (filter)
		read_filter(call, result->root, filter);
	note_needs(result, result->root);
	return result;
}

void jmap_filter_among(struct jmap_filter *filter, const int64_t *ids, size_t count)
{
	filter->among = ids;
	filter->among_count = count;
}

bool jmap_filter_asks_threads(const struct jmap_filter *filter) { return filter->threads; }
bool jmap_filter_asks_others(const struct jmap_filter *filter) { return filter->others; }
bool jmap_filter_asks_attachments(const struct jmap_filter *filter) { return filter->attachments; }

static int64_t find_mailbox(const struct node *node)
{
	for (const struct node *child = node->children; node->condition == AND && child; child = child->next) {
		int64_t found = child->condition == IN_MAILBOX ? child->number : find_mailbox(child);
		if (found != 0)
			return found;
	}
	return 0;
}

int64_t jmap_filter_mailbox(const struct jmap_filter *filter, bool *only)
{
	const struct node *child = filter->root->children;
	*only = !child || (!child->next && child->condition == AND && (!child->children || (child->children->condition == IN_MAILBOX && !child->children->next)));
	int64_t mailbox = find_mailbox(filter->root);
	if (*only && child && child->children && mailbox == 0)
		*only = false; /* an id that is none */
	return mailbox;
}

/* ---- finding out before ---- */

/* Where the index isn't ready yet messages are read, which may take long: then the client is to come again. */
static bool is_over(void *deadline) { return clock_monotonic_ms() > *(int64_t *)deadline; }

static bool search(struct jmap_call *call, const struct jmap_filter *filter, struct node *node)
{
	struct error error;
	int64_t deadline = clock_monotonic_ms() + JMAP_SEARCH_MS_MAX;
	if (filter->among ? account_search_among(call->account, &node->text, filter->among, filter->among_count, call->arena, &node->ids, &node->id_count, &error)
			  : account_search(call->account, &node->text, is_over, &deadline, call->arena, &node->ids, &node->id_count, &error))
		return true;
	return jmap_fail_error(call, &error);
}

static bool list_snoozes(struct jmap_call *call, struct node *node)
{
	struct jmap_snoozes all;
	struct error error;
	if (!jmap_snoozes_read(call, &all, &error))
		return jmap_fail_error(call, &error);
	node->ids = arena_array(call->arena, all.count + 1, sizeof *node->ids);
	for (size_t i = 0; i < all.count; i++)
		node->ids[i] = all.at[i].message;
	node->id_count = all.count;
	return true;
}

static bool prepare(struct jmap_call *call, const struct jmap_filter *filter, struct node *node, const struct email *list, size_t count)
{
	if (node->condition >= TEXT && node->condition <= HEADER && !search(call, filter, node))
		return false;
	if (node->condition == IS_SNOOZED && !list_snoozes(call, node))
		return false;
	if (node->condition == ALL_IN_THREAD || node->condition == SOME_IN_THREAD || node->condition == NONE_IN_THREAD)
		jmap_thread_keyword_find(&node->keyword, list, count, call->arena);
	for (struct node *child = node->children; child; child = child->next)
		if (!prepare(call, filter, child, list, count))
			return false;
	return true;
}

bool jmap_filter_prepare(struct jmap_call *call, struct jmap_filter *filter, const struct email *list, size_t count)
{
	filter->prepared = filter->prepared || prepare(call, filter, filter->root, list, count);
	return filter->prepared;
}

static void find_candidates(const struct node *node, const struct node **fewest)
{
	if (node->condition >= TEXT && node->condition <= HEADER && (!*fewest || node->id_count < (*fewest)->id_count))
		*fewest = node;
	for (const struct node *child = node->children; node->condition == AND && child; child = child->next)
		find_candidates(child, fewest);
}

bool jmap_filter_candidates(const struct jmap_filter *filter, const int64_t **ids, size_t *count)
{
	const struct node *fewest = NULL;
	find_candidates(filter->root, &fewest);
	*ids = fewest ? fewest->ids : NULL;
	*count = fewest ? fewest->id_count : 0;
	return fewest != NULL;
}

/* ---- keywords ---- */

bool jmap_email_has_keyword(const struct email *email, struct slice keyword)
{
	unsigned flag;
	bool is_flag;
	if (!jmap_keyword_read(keyword, &flag, &is_flag))
		return false;
	return is_flag ? email->flags & flag : slice_has_word_nocase(email->keywords, keyword);
}

void jmap_thread_keyword_find(struct jmap_thread_keyword *keyword, const struct email *list, size_t count, struct arena *arena)
{
	keyword->some = arena_array(arena, count + 1, sizeof *keyword->some);
	keyword->lacking = arena_array(arena, count + 1, sizeof *keyword->lacking);
	for (size_t i = 0; i < count; i++)
		if (jmap_email_has_keyword(&list[i], keyword->keyword))
			keyword->some[keyword->some_count++] = list[i].thread;
		else
			keyword->lacking[keyword->lacking_count++] = list[i].thread;
	keyword->some_count = jmap_ids_sort(keyword->some, keyword->some_count);
	keyword->lacking_count = jmap_ids_sort(keyword->lacking, keyword->lacking_count);
}

bool jmap_thread_some(const struct jmap_thread_keyword *keyword, int64_t thread) { return jmap_ids_have(keyword->some, keyword->some_count, thread); }
bool jmap_thread_all(const struct jmap_thread_keyword *keyword, int64_t thread) { return !jmap_ids_have(keyword->lacking, keyword->lacking_count, thread); }

/* ---- asking ---- */

static bool is_in_other(const struct node *node, const struct email *email)
{
	for (uint32_t i = 0; i < email->mailbox_count; i++)
		if (!jmap_ids_have(node->ids, node->id_count, email->mailboxes[i]))
			return true;
	return false;
}

static bool meets(const struct node *node, const struct email *email)
{
	switch (node->condition) {
	case IN_MAILBOX:
		return jmap_ids_have(email->mailboxes, email->mailbox_count, node->number);
	case IN_MAILBOX_OTHER_THAN:
		return is_in_other(node, email);
	case BEFORE:
		return email->received < node->number;
	case AFTER:
		return email->received >= node->number;
	case MIN_SIZE:
		return email->size >= (uint64_t)node->number;
	case MAX_SIZE:
		return email->size < (uint64_t)node->number;
	case ALL_IN_THREAD:
		return jmap_thread_all(&node->keyword, email->thread);
	case SOME_IN_THREAD:
	case NONE_IN_THREAD:
		return jmap_thread_some(&node->keyword, email->thread) == (node->condition == SOME_IN_THREAD);
	case HAS_KEYWORD:
	case NOT_KEYWORD:
		return jmap_email_has_keyword(email, node->keyword.keyword) == (node->condition == HAS_KEYWORD);
	case IS_SNOOZED:
		return jmap_ids_have(node->ids, node->id_count, email->id) == (node->number == 1);
	default:
		return jmap_ids_have(node->ids, node->id_count, email->id);
	}
}

static enum jmap_passes passes(const struct node *node, const struct email *email, int attachment)
{
	if (node->condition == HAS_ATTACHMENT)
		return attachment < 0 ? PASSES_MAYBE : attachment == node->number ? PASSES : PASSES_NOT;
	if (node->condition < AND)
		return meets(node, email) ? PASSES : PASSES_NOT;
	/* AND ends with the first that says no, OR and NOT with the first that says yes. */
	enum jmap_passes decisive = node->condition == AND ? PASSES_NOT : PASSES;
	bool maybe = false;
	for (const struct node *child = node->children; child; child = child->next) {
		enum jmap_passes one = passes(child, email, attachment);
		if (one == decisive)
			return node->condition == OR ? PASSES : PASSES_NOT;
		maybe |= one == PASSES_MAYBE;
	}
	return maybe ? PASSES_MAYBE : node->condition == OR ? PASSES_NOT : PASSES;
}

enum jmap_passes jmap_filter_passes(const struct jmap_filter *filter, const struct email *email, int attachment)
{
	return passes(filter->root, email, attachment);
}

/* ---- for snippets ---- */

/* What is looked for by conditions that aren't below a NOT. */
void jmap_filter_texts(const json_t *filter, struct search_text *list, size_t *count, size_t max)
{
	const json_t *conditions = json_object_get(filter, "conditions");
	const char *name;
	json_t *value;
	if (slice_equal(jmap_slice_of(json_object_get(filter, "operator")), SLICE("NOT")))
		return;
	for (size_t i = 0; i < json_array_size(conditions); i++)
		jmap_filter_texts(json_array_get(conditions, i), list, count, max);
	json_object_foreach((json_t *)filter, name, value) {
		const struct row *row = find_row(name);
		if (row && row->kind == KIND_TEXT && *count < max)
			list[(*count)++] = text_of(row, value);
	}
}
