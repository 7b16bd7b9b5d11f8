/* Recipes: reading and applying. */
#include "dkim2/recipe.h"

#include <jansson.h>

enum { DEPTH_MAX = 6 /* of the object: five are enough for what it says */ };

/* ---- reading ---- */

/* The parser goes down a level with each bracket, on the stack. */
static bool is_shallow(struct slice json)
{
	int depth = 0;
	bool text = false;
	for (size_t i = 0; i < json.len && depth <= DEPTH_MAX; i++) {
		char c = json.at[i];
		if (text && c == '\\')
			i++;
		else if (c == '"')
			text = !text;
		else if (!text)
			depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
	}
	return depth <= DEPTH_MAX;
}

static bool read_range(const json_t *pair, struct dkim2_step *step)
{
	const json_t *first = json_array_get(pair, 0), *last = json_array_get(pair, 1);
	if (json_array_size(pair) != 2 || json_integer_value(first) < 1 || json_integer_value(last) < json_integer_value(first))
		return false;
	step->take = true;
	step->first = (uint64_t)json_integer_value(first);
	step->last = (uint64_t)json_integer_value(last);
	return true;
}

static bool read_lines(const json_t *list, struct arena *arena, struct dkim2_step *step)
{
	step->count = json_array_size(list);
	step->lines = arena_array(arena, step->count + 1, sizeof *step->lines);
	for (size_t i = 0; i < step->count; i++) {
		const json_t *line = json_array_get(list, i);
		struct slice text = slice_make(json_string_value(line), json_string_length(line));
		if (!json_is_string(line) || slice_find_char(text, '\r') != SLICE_NONE || slice_find_char(text, '\n') != SLICE_NONE)
			return false;
		step->lines[i] = arena_copy(arena, text);
	}
	return step->count > 0;
}

static bool read_step(const json_t *object, struct arena *arena, struct dkim2_step *step)
{
	const json_t *range = json_object_get(object, "c"), *lines = json_object_get(object, "d");
	if (json_object_size(object) != 1)
		return false;
	return range ? read_range(range, step) : lines && read_lines(lines, arena, step);
}

/* What is taken is taken in its order, nothing twice. */
static bool read_steps(const json_t *list, struct arena *arena, struct dkim2_steps *steps)
{
	uint64_t taken = 0;
	if (!json_is_array(list) || json_array_size(list) > DKIM2_RECIPE_STEPS_MAX)
		return false;
	steps->list = arena_array(arena, json_array_size(list) + 1, sizeof *steps->list);
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct dkim2_step *step = &steps->list[steps->count++];
		if (!read_step(json_array_get(list, i), arena, step) || (step->take && step->first <= taken))
			return false;
		taken = step->take ? step->last : taken;
	}
	return true;
}

static const struct dkim2_steps *steps_of(const struct dkim2_recipe *recipe, struct slice name)
{
	for (size_t i = 0; i < recipe->field_count; i++)
		if (slice_equal_nocase(recipe->fields[i].name, name))
			return &recipe->fields[i];
	return NULL;
}

static bool is_field_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] > '~' || name.at[i] == ':')
			return false;
	return name.len > 0;
}

static bool read_header(json_t *object, struct arena *arena, struct dkim2_recipe *recipe)
{
	const char *key;
	json_t *value;
	if (json_object_size(object) == 0 || json_object_size(object) > DKIM2_RECIPE_NAMES_MAX)
		return false;
	json_object_foreach(object, key, value) {
		struct slice name = slice_of(key);
		if (!is_field_name(name) || steps_of(recipe, name))
			return false;
		struct dkim2_steps *steps = &recipe->fields[recipe->field_count++];
		steps->name = arena_copy(arena, name);
		if (!read_steps(value, arena, steps))
			return false;
		for (size_t i = 0; i < steps->count && dkim2_counts(name); i++)
			recipe->takes_away |= !steps->list[i].take;
	}
	return true;
}

static bool read_object(const json_t *root, struct arena *arena, struct dkim2_recipe *recipe)
{
	json_t *header = json_object_get(root, "h"), *body = json_object_get(root, "b");
	recipe->header_lost = json_is_null(header); /* false without one */
	recipe->body_lost = json_is_null(body);
	recipe->body_changed = body != NULL;
	if (!header && !body)
		return false;
	if (header && !recipe->header_lost && !read_header(header, arena, recipe))
		return false;
	return !body || recipe->body_lost || read_steps(body, arena, &recipe->body);
}

bool dkim2_recipe_read(struct slice json, struct arena *arena, struct dkim2_recipe *recipe)
{
	*recipe = (struct dkim2_recipe){0};
	json_t *root = is_shallow(json) ? json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	bool done = root && read_object(root, arena, recipe);
	json_decref(root);
	return done;
}

/* ---- the header ---- */

static bool put(struct dkim2_header *out, struct dkim2_line line)
{
	if (out->count == DKIM2_HEADER_FIELDS_MAX)
		return false;
	out->list[out->count++] = line;
	return true;
}

static bool put_lines(const struct dkim2_steps *steps, const struct dkim2_step *step, struct arena *arena, struct dkim2_header *out)
{
	bool done = true;
	for (size_t i = 0; i < step->count && done; i++)
		done = put(out, (struct dkim2_line){.name = steps->name, .whole = arena_printf(arena, "%.*s:%.*s\r\n", SLICE_ARG(steps->name), SLICE_ARG(step->lines[i]))});
	return done;
}

/* Those of one name, the lowest first, from `at` on; stops behind the last that is wanted. */
static bool take_lines(const struct dkim2_header *now, const struct dkim2_steps *steps, const struct dkim2_step *step, size_t *at, uint64_t *number, struct dkim2_header *out)
{
	bool done = true;
	for (; *at < now->count && *number < step->last && done; (*at)++) {
		if (!slice_equal_nocase(now->list[*at].name, steps->name))
			continue;
		if (++*number >= step->first)
			done = put(out, now->list[*at]);
	}
	return done && *number == step->last;
}

static bool apply(const struct dkim2_header *now, const struct dkim2_steps *steps, struct arena *arena, struct dkim2_header *out)
{
	size_t at = 0;
	uint64_t number = 0;
	bool done = true;
	for (size_t i = 0; i < steps->count && done; i++) {
		const struct dkim2_step *step = &steps->list[i];
		done = step->take ? take_lines(now, steps, step, &at, &number, out) : put_lines(steps, step, arena, out);
	}
	return done;
}

bool dkim2_recipe_header(const struct dkim2_recipe *recipe, const struct dkim2_header *now, struct arena *arena, struct dkim2_header *before)
{
	bool done = true;
	*before = (struct dkim2_header){.list = arena_array(arena, DKIM2_HEADER_FIELDS_MAX, sizeof *before->list)};
	for (size_t i = 0; i < now->count; i++)
		if (!steps_of(recipe, now->list[i].name))
			put(before, now->list[i]);
	for (size_t i = 0; i < recipe->field_count && done; i++)
		if (dkim2_counts(recipe->fields[i].name))
			done = apply(now, &recipe->fields[i], arena, before);
	return done;
}

/* ---- the body ---- */

void dkim2_undo_begin(struct dkim2_undo *undo, const struct dkim2_steps *steps, struct dkim_body *body)
{
	*undo = (struct dkim2_undo){.steps = steps, .line = 1, .body = body};
}

static void give(struct dkim2_undo *undo, struct slice piece)
{
	if (piece.len == 0)
		return;
	undo->unended = piece.at[piece.len - 1] != '\n';
	dkim_body_add(undo->body, piece);
	if (undo->next)
		dkim2_undo_add(undo->next, piece);
}

static void give_lines(struct dkim2_undo *undo, const struct dkim2_step *step)
{
	if (undo->unended)
		give(undo, SLICE("\r\n"));
	for (size_t i = 0; i < step->count; i++) {
		give(undo, step->lines[i]);
		give(undo, SLICE("\r\n"));
	}
}

/* Does what stands before a line, and says whether it is taken. */
static void begin_line(struct dkim2_undo *undo)
{
	const struct dkim2_steps *steps = undo->steps;
	while (undo->step < steps->count && (!steps->list[undo->step].take || steps->list[undo->step].last < undo->line)) {
		if (!steps->list[undo->step].take)
			give_lines(undo, &steps->list[undo->step]);
		undo->step++;
	}
	undo->taking = undo->step < steps->count && steps->list[undo->step].first <= undo->line;
	undo->in_line = true;
}

void dkim2_undo_add(struct dkim2_undo *undo, struct slice piece)
{
	while (piece.len > 0) {
		if (!undo->in_line)
			begin_line(undo);
		size_t end = slice_find_char(piece, '\n');
		struct slice part = slice_sub(piece, 0, end == SLICE_NONE ? piece.len : end + 1);
		if (undo->taking)
			give(undo, part);
		if (end != SLICE_NONE) {
			undo->in_line = false;
			undo->line++;
		}
		piece = slice_skip(piece, part.len);
	}
}

/* The last line that was there is undo->line - 1, or undo->line if it has no end. */
void dkim2_undo_end(struct dkim2_undo *undo)
{
	const struct dkim2_steps *steps = undo->steps;
	uint64_t last = undo->in_line ? undo->line : undo->line - 1;
	for (; undo->step < steps->count; undo->step++) {
		const struct dkim2_step *step = &steps->list[undo->step];
		if (step->take)
			undo->wrong |= step->last > last;
		else
			give_lines(undo, step);
	}
}
