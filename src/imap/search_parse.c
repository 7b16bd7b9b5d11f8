/* The keys of SEARCH (RFC 3501 §6.4.4). */
#include "imap/search.h"

struct context {
	struct parser *parser;
	const struct selected *selected;
	struct search *search;
	int depth, keys, texts;
};

static bool parse_key(struct context *context, struct search_node **out);

enum argument {
	ARGUMENT_NONE, ARGUMENT_TEXT, ARGUMENT_FIELD_TEXT, ARGUMENT_DATE, ARGUMENT_NUMBER, ARGUMENT_KEYWORD, ARGUMENT_UIDS, ARGUMENT_KEY,
	ARGUMENT_TWO_KEYS,
};

static const struct row {
	const char *name;
	enum search_key key;
	enum argument argument;
	enum search_cost cost;
	unsigned flag;
} rows[] = {
	{"ALL", SEARCH_ALL, ARGUMENT_NONE, SEARCH_COST_ROW, 0},
	{"ANSWERED", SEARCH_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_ANSWERED},
	{"BCC", SEARCH_BCC, ARGUMENT_TEXT, SEARCH_COST_SUMMARY, 0},
	{"BEFORE", SEARCH_BEFORE, ARGUMENT_DATE, SEARCH_COST_ROW, 0},
	{"BODY", SEARCH_BODY, ARGUMENT_TEXT, SEARCH_COST_BODY, 0},
	{"CC", SEARCH_CC, ARGUMENT_TEXT, SEARCH_COST_SUMMARY, 0},
	{"DELETED", SEARCH_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_DELETED},
	{"DRAFT", SEARCH_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_DRAFT},
	{"FLAGGED", SEARCH_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_FLAGGED},
	{"FROM", SEARCH_FROM, ARGUMENT_TEXT, SEARCH_COST_SUMMARY, 0},
	{"HEADER", SEARCH_HEADER, ARGUMENT_FIELD_TEXT, SEARCH_COST_HEADER, 0},
	{"KEYWORD", SEARCH_KEYWORD, ARGUMENT_KEYWORD, SEARCH_COST_ROW, 0},
	{"LARGER", SEARCH_LARGER, ARGUMENT_NUMBER, SEARCH_COST_ROW, 0},
	{"NEW", SEARCH_NEW, ARGUMENT_NONE, SEARCH_COST_ROW, 0},
	{"NOT", SEARCH_NOT, ARGUMENT_KEY, SEARCH_COST_ROW, 0},
	{"OLD", SEARCH_NO_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_RECENT},
	{"ON", SEARCH_ON, ARGUMENT_DATE, SEARCH_COST_ROW, 0},
	{"OR", SEARCH_OR, ARGUMENT_TWO_KEYS, SEARCH_COST_ROW, 0},
	{"RECENT", SEARCH_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_RECENT},
	{"SEEN", SEARCH_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_SEEN},
	{"SENTBEFORE", SEARCH_SENT_BEFORE, ARGUMENT_DATE, SEARCH_COST_SUMMARY, 0},
	{"SENTON", SEARCH_SENT_ON, ARGUMENT_DATE, SEARCH_COST_SUMMARY, 0},
	{"SENTSINCE", SEARCH_SENT_SINCE, ARGUMENT_DATE, SEARCH_COST_SUMMARY, 0},
	{"SINCE", SEARCH_SINCE, ARGUMENT_DATE, SEARCH_COST_ROW, 0},
	{"SMALLER", SEARCH_SMALLER, ARGUMENT_NUMBER, SEARCH_COST_ROW, 0},
	{"SUBJECT", SEARCH_SUBJECT, ARGUMENT_TEXT, SEARCH_COST_SUMMARY, 0},
	{"TEXT", SEARCH_TEXT, ARGUMENT_TEXT, SEARCH_COST_BODY, 0},
	{"TO", SEARCH_TO, ARGUMENT_TEXT, SEARCH_COST_SUMMARY, 0},
	{"UID", SEARCH_UIDS, ARGUMENT_UIDS, SEARCH_COST_ROW, 0},
	{"UNANSWERED", SEARCH_NO_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_ANSWERED},
	{"UNDELETED", SEARCH_NO_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_DELETED},
	{"UNDRAFT", SEARCH_NO_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_DRAFT},
	{"UNFLAGGED", SEARCH_NO_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_FLAGGED},
	{"UNKEYWORD", SEARCH_NO_KEYWORD, ARGUMENT_KEYWORD, SEARCH_COST_ROW, 0},
	{"UNSEEN", SEARCH_NO_FLAG, ARGUMENT_NONE, SEARCH_COST_ROW, FLAG_SEEN},
};

/* Text is compared as UTF-8: US-ASCII is a part of it, and other charsets are refused. */
static bool parse_text(struct parser *parser, struct slice *text)
{
	struct slice raw;
	if (!parse_space(parser) || !parse_astring(parser, &raw))
		return false;
	if (!slice_is_utf8(raw))
		return parse_fail(parser, "The text to search for is not valid UTF-8");
	*text = text_fold_blanks(raw, parser->arena);
	return true;
}

/* Puts a key among its siblings so that the cheap ones come first. */
static void add_child(struct search_node *parent, struct search_node *child)
{
	struct search_node **at = &parent->children;
	while (*at && (*at)->cost <= child->cost)
		at = &(*at)->next;
	child->next = *at;
	*at = child;
	if (child->cost > parent->cost)
		parent->cost = child->cost;
}

static bool parse_child(struct context *context, struct search_node *parent)
{
	struct search_node *child;
	if (!parse_key(context, &child))
		return false;
	add_child(parent, child);
	return true;
}

static bool parse_uids(struct context *context, struct search_node *node)
{
	const struct selected *selected = context->selected;
	if (!parse_space(context->parser) || !parse_set(context->parser, &node->set))
		return false;
	if (selected->uids.count == 0)
		node->set.count = 0;
	else
		set_normalise(&node->set, uids_last(&selected->uids));
	return true;
}

/* Clients look for a message by its id, in mailboxes of any size; the summary has it, so no file is opened. */
static bool parse_header(struct parser *parser, struct search_node *node)
{
	if (!parse_space(parser) || !parse_astring(parser, &node->field) || !parse_text(parser, &node->text))
		return false;
	if (slice_equal_nocase(node->field, SLICE("Message-ID"))) {
		node->key = SEARCH_MESSAGE_ID;
		node->cost = SEARCH_COST_SUMMARY;
	}
	return true;
}

static bool parse_argument(struct context *context, enum argument argument, struct search_node *node)
{
	struct parser *parser = context->parser;
	switch (argument) {
	case ARGUMENT_NONE:
		return true;
	case ARGUMENT_TEXT:
		return parse_text(parser, &node->text);
	case ARGUMENT_FIELD_TEXT:
		return parse_header(parser, node);
	case ARGUMENT_DATE:
		return parse_space(parser) && parse_date(parser, &node->day);
	case ARGUMENT_NUMBER:
		return parse_space(parser) && parse_number(parser, INT64_MAX, &node->number);
	case ARGUMENT_KEYWORD:
		return parse_space(parser) && parse_atom(parser, &node->field);
	case ARGUMENT_UIDS:
		return parse_uids(context, node);
	case ARGUMENT_KEY:
		return parse_space(parser) && parse_child(context, node);
	case ARGUMENT_TWO_KEYS:
		return parse_space(parser) && parse_child(context, node) && parse_space(parser) && parse_child(context, node);
	}
	return false;
}

/* Notes a key that asks for content. */
static bool add_text(struct context *context, struct search_node *node)
{
	struct search *search = context->search;
	if (node->cost != SEARCH_COST_HEADER && node->cost != SEARCH_COST_BODY)
		return true;
	if (++context->texts > SEARCH_TEXTS_MAX)
		return parse_fail(context->parser, "Too many texts to search for in one command");
	node->next_text = search->texts;
	search->texts = node;
	if (node->text.len > search->longest)
		search->longest = node->text.len;
	return true;
}

static bool parse_named(struct context *context, struct search_node *node)
{
	struct slice name;
	if (context->parser->rest.len == 0 || !is_atom_char(context->parser->rest.at[0]))
		return parse_fail(context->parser, "A search key is expected");
	parse_atom(context->parser, &name);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!slice_equal_nocase(name, slice_of(rows[i].name)))
			continue;
		node->key = rows[i].key;
		node->cost = rows[i].cost;
		node->flag = rows[i].flag;
		return parse_argument(context, rows[i].argument, node) && (rows[i].cost < SEARCH_COST_HEADER || add_text(context, node));
	}
	return parse_fail(context->parser, "Unknown search key");
}

static bool parse_numbers(struct context *context, struct search_node *node)
{
	struct parser *parser = context->parser;
	struct ranges set;
	node->key = SEARCH_NUMBERS;
	return parse_set(parser, &set) && (set_to_indexes(&set, context->selected->uids.count, parser->arena, &node->set) ||
					   parse_fail(parser, "There is no message with such a number"));
}

/* Keys separated by spaces: all must match. */
static bool parse_keys(struct context *context, struct search_node *node)
{
	node->key = SEARCH_AND;
	do {
		if (!parse_child(context, node))
			return false;
	} while (parse_more(context->parser));
	return true;
}

static bool parse_key(struct context *context, struct search_node **out)
{
	struct parser *parser = context->parser;
	struct search_node *node = *out = arena_alloc(parser->arena, sizeof *node);
	if (++context->keys > SEARCH_KEYS_MAX)
		return parse_fail(parser, "Too many search keys");
	if (++context->depth > SEARCH_DEPTH_MAX)
		return parse_fail(parser, "Search keys are nested too deeply");
	bool done;
	if (parser->rest.len > 0 && parser->rest.at[0] == '(')
		done = parse_open(parser) && parse_keys(context, node) && parse_close(parser);
	else if (parser->rest.len > 0 && (ascii_is_digit(parser->rest.at[0]) || parser->rest.at[0] == '*'))
		done = parse_numbers(context, node);
	else
		done = parse_named(context, node);
	context->depth--;
	return done;
}

/* RFC 3501 §6.4.4: US-ASCII must, UTF-8 may be known. */
static bool parse_charset(struct parser *parser, bool *bad_charset)
{
	struct slice name;
	*bad_charset = false;
	if (!parse_optional_word(parser, "CHARSET"))
		return true;
	if (!parse_space(parser) || !parse_astring(parser, &name) || !parse_space(parser))
		return false;
	*bad_charset = !slice_equal_nocase(name, SLICE("UTF-8")) && !slice_equal_nocase(name, SLICE("US-ASCII"));
	return !*bad_charset;
}

bool search_parse(struct parser *parser, const struct selected *selected, struct search *search, bool *bad_charset)
{
	struct context context = {.parser = parser, .selected = selected, .search = search};
	*search = (struct search){.root = arena_alloc(parser->arena, sizeof *search->root)};
	*bad_charset = false;
	return parse_space(parser) && parse_charset(parser, bad_charset) && parse_keys(&context, search->root) && parse_end(parser);
}

struct ranges search_range(const struct search_node *root, const struct selected *selected, struct arena *arena)
{
	struct ranges indexes = {.at = arena_array(arena, 1, sizeof *indexes.at)};
	for (const struct search_node *node = root->children; node; node = node->next) {
		if (node->key == SEARCH_NUMBERS)
			return node->set;
		if (node->key != SEARCH_UIDS)
			continue;
		struct ranges uids = node->set;
		set_uids_to_indexes(&uids, &selected->uids, arena, &indexes);
		return indexes;
	}
	if (selected->uids.count > 0)
		indexes.at[indexes.count++] = (struct range){0, (uint32_t)selected->uids.count - 1};
	return indexes;
}
