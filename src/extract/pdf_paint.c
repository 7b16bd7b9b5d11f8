/* Streams that paint (ISO 32000-1 §8, §9), as far as they say where text is. What stands where decides which characters are one word: a gap of a part
 * of a character's height is a blank, another line, too. */
#include <math.h>

#include "extract/extract.h"
#include "extract/pdf.h"

enum { STATES_MAX = 64 };
#define GAP 0.17   /* of the font's size: a blank is a quarter of it, or a bit less */
#define OVERLAP 1.0
#define LINE 0.5

struct matrix { double a, b, c, d, e, f; };

struct state {
	struct matrix page;          /* from here to the page */
	struct pdf_font *font;
	double size, between, words, scale, leading, rise;
};

struct painter {
	struct pdf *pdf;
	struct buf *out;
	struct state state, states[STATES_MAX];
	size_t state_count;
	struct matrix text, line;
	double end_x, end_y;         /* where the last character ended, on the page */
	bool begun;
	int depth;
};

/* What a stream has to work with. */
struct painting {
	struct painter *painter;
	const struct pdf_value *resources;
	struct pdf_value operands[PDF_OPERANDS_MAX];
	size_t count;
};

static struct matrix multiply(struct matrix m, struct matrix n)
{
	return (struct matrix){m.a * n.a + m.b * n.c, m.a * n.b + m.b * n.d, m.c * n.a + m.d * n.c, m.c * n.b + m.d * n.d, m.e * n.a + m.f * n.c + n.e, m.e * n.b + m.f * n.d + n.f};
}

static double operand(const struct painting *painting, size_t from_end)
{
	if (painting->count <= from_end)
		return 0;
	const struct pdf_value *value = &painting->operands[painting->count - 1 - from_end];
	return value->kind == PDF_NUMBER ? value->number : 0;
}

static struct matrix operand_matrix(const struct painting *painting)
{
	return (struct matrix){operand(painting, 5), operand(painting, 4), operand(painting, 3), operand(painting, 2), operand(painting, 1), operand(painting, 0)};
}

/* ---- text ---- */

/* How the next character stands to the last one. `m`: from text to the page. */
static void put_gap(struct painter *painter, struct matrix m)
{
	double length = hypot(m.a, m.b), height = hypot(m.c, m.d) * fabs(painter->state.size);
	double dx = m.e - painter->end_x, dy = m.f - painter->end_y;
	if (!painter->begun || length == 0 || height == 0)
		return;
	double along = (dx * m.a + dy * m.b) / length, across = fabs(dx * m.b - dy * m.a) / length;
	if (across > LINE * height || along < -OVERLAP * height)
		buf_append_char(painter->out, '\n');
	else if (along > GAP * height)
		buf_append_char(painter->out, ' ');
}

static void note_end(struct painter *painter)
{
	struct matrix m = multiply(painter->text, painter->state.page);
	painter->end_x = m.e;
	painter->end_y = m.f;
	painter->begun = true;
}

static void advance(struct painter *painter, double by)
{
	painter->text.e += by * painter->text.a;
	painter->text.f += by * painter->text.b;
}

static void show(struct painter *painter, struct slice string)
{
	struct state *state = &painter->state;
	double width;
	bool blank;
	if (!state->font || string.len == 0)
		return;
	put_gap(painter, multiply(painter->text, state->page));
	while (pdf_font_take(state->font, &string, painter->out, &width, &blank))
		advance(painter, (width / 1000 * state->size + state->between + (blank ? state->words : 0)) * state->scale);
	note_end(painter);
}

static void show_list(struct painter *painter, const struct pdf_value *list)
{
	for (size_t i = 0; list->kind == PDF_ARRAY && i < list->count; i++)
		if (list->items[i].kind == PDF_STRING)
			show(painter, list->items[i].text);
		else if (list->items[i].kind == PDF_NUMBER)
			advance(painter, -list->items[i].number / 1000 * painter->state.size * painter->state.scale);
}

static void next_line(struct painter *painter, double x, double y)
{
	painter->text = painter->line = multiply((struct matrix){1, 0, 0, 1, x, y}, painter->line);
}

static const struct pdf_value *last_operand(const struct painting *painting)
{
	static const struct pdf_value none;
	return painting->count > 0 ? &painting->operands[painting->count - 1] : &none;
}

/* ---- fonts and forms ---- */

static struct pdf_value resource(const struct painting *painting, const char *kind, const struct pdf_value *name)
{
	struct pdf *pdf = painting->painter->pdf;
	struct pdf_value list = pdf_get(pdf, painting->resources, kind);
	for (size_t i = 0; name->kind == PDF_NAME && list.kind == PDF_DICTIONARY && i + 1 < list.count; i += 2)
		if (slice_equal(list.items[i].text, name->text))
			return pdf_resolve(pdf, list.items[i + 1]);
	return (struct pdf_value){0};
}

static void set_font(struct painting *painting)
{
	struct painter *painter = painting->painter;
	struct pdf_value dictionary = {0};
	if (painting->count > 1)
		dictionary = resource(painting, "Font", &painting->operands[painting->count - 2]);
	painter->state.size = operand(painting, 0);
	painter->state.font = pdf_font_of(painter->pdf, &dictionary);
}

static void paint(struct painter *painter, struct slice stream, const struct pdf_value *resources);

static void paint_form(struct painting *painting)
{
	struct painter *painter = painting->painter;
	struct pdf *pdf = painter->pdf;
	struct pdf_value form = resource(painting, "XObject", last_operand(painting));
	struct pdf_value type = pdf_get(pdf, &form, "Subtype"), own = pdf_get(pdf, &form, "Resources"), matrix = pdf_get(pdf, &form, "Matrix");
	if (type.kind != PDF_NAME || !slice_equal(type.text, SLICE("Form")) || painter->depth == PDF_FORMS_DEPTH_MAX)
		return;
	struct state kept = painter->state;
	struct matrix text = painter->text, line = painter->line;
	size_t states = painter->state_count;
	if (matrix.kind == PDF_ARRAY && matrix.count == 6)
		painter->state.page = multiply((struct matrix){matrix.items[0].number, matrix.items[1].number, matrix.items[2].number, matrix.items[3].number, matrix.items[4].number,
			matrix.items[5].number}, kept.page);
	struct buf content = BUF(EXTRACT_UNPACKED_MAX);
	pdf_unpack(pdf, &form, &content);
	painter->depth++;
	paint(painter, buf_slice(&content), own.kind == PDF_DICTIONARY ? &own : painting->resources);
	painter->depth--;
	buf_free(&content);
	painter->state = kept;
	painter->state_count = states;
	painter->text = text;
	painter->line = line;
}

/* ---- operators ---- */

static void save(struct painter *painter)
{
	if (painter->state_count < STATES_MAX)
		painter->states[painter->state_count] = painter->state;
	painter->state_count++;
}

static void restore(struct painter *painter)
{
	if (painter->state_count == 0)
		return;
	painter->state_count--;
	if (painter->state_count < STATES_MAX)
		painter->state = painter->states[painter->state_count];
}

static void run_text(struct painting *painting, struct slice name)
{
	struct painter *painter = painting->painter;
	struct state *state = &painter->state;
	const struct pdf_value *last = last_operand(painting);
	if (slice_equal(name, SLICE("Tj")) && last->kind == PDF_STRING) {
		show(painter, last->text);
	} else if (slice_equal(name, SLICE("TJ"))) {
		show_list(painter, last);
	} else if (slice_equal(name, SLICE("Td"))) {
		next_line(painter, operand(painting, 1), operand(painting, 0));
	} else if (slice_equal(name, SLICE("TD"))) {
		state->leading = -operand(painting, 0);
		next_line(painter, operand(painting, 1), operand(painting, 0));
	} else if (slice_equal(name, SLICE("Tm"))) {
		painter->text = painter->line = operand_matrix(painting);
	} else if (slice_equal(name, SLICE("T*"))) {
		next_line(painter, 0, -state->leading);
	} else if (slice_equal(name, SLICE("Tf"))) {
		set_font(painting);
	} else if (slice_equal(name, SLICE("Tc"))) {
		state->between = operand(painting, 0);
	} else if (slice_equal(name, SLICE("Tw"))) {
		state->words = operand(painting, 0);
	} else if (slice_equal(name, SLICE("Tz"))) {
		state->scale = operand(painting, 0) / 100;
	} else if (slice_equal(name, SLICE("TL"))) {
		state->leading = operand(painting, 0);
	}
}

static void run_operator(struct painting *painting, struct slice name)
{
	struct painter *painter = painting->painter;
	const struct pdf_value *last = last_operand(painting);
	if (slice_equal(name, SLICE("q"))) {
		save(painter);
	} else if (slice_equal(name, SLICE("Q"))) {
		restore(painter);
	} else if (slice_equal(name, SLICE("cm"))) {
		painter->state.page = multiply(operand_matrix(painting), painter->state.page);
	} else if (slice_equal(name, SLICE("Do"))) {
		paint_form(painting);
	} else if (slice_equal(name, SLICE("BT"))) {
		painter->text = painter->line = (struct matrix){1, 0, 0, 1, 0, 0};
	} else if (slice_equal(name, SLICE("'")) || slice_equal(name, SLICE("\""))) {
		if (name.at[0] == '"') {
			painter->state.words = operand(painting, 2);
			painter->state.between = operand(painting, 1);
		}
		next_line(painter, 0, -painter->state.leading);
		if (last->kind == PDF_STRING)
			show(painter, last->text);
	} else if (name.at[0] == 'T') {
		run_text(painting, name);
	}
}

/* "ID" has passed: bytes of a picture, up to "EI" by itself. */
static void skip_picture(struct pdf_reader *reader)
{
	for (size_t at = reader->at; at + 3 < reader->text.len; at++)
		if (ascii_is_space(reader->text.at[at]) && reader->text.at[at + 1] == 'E' && reader->text.at[at + 2] == 'I' && ascii_is_space(reader->text.at[at + 3])) {
			reader->at = at + 3;
			return;
		}
	reader->at = reader->text.len;
}

static void paint(struct painter *painter, struct slice stream, const struct pdf_value *resources)
{
	struct arena *arena = arena_new();
	struct pdf_reader reader = {.pdf = painter->pdf, .text = stream, .arena = arena};
	struct painting painting = {.painter = painter, .resources = resources};
	struct pdf_value value;
	while (!painter->out->overflow && pdf_read(&reader, &value)) {
		if (value.kind != PDF_KEYWORD) {
			if (painting.count < PDF_OPERANDS_MAX)
				painting.operands[painting.count++] = value;
			continue;
		}
		if (slice_equal(value.text, SLICE("ID")))
			skip_picture(&reader);
		else
			run_operator(&painting, value.text);
		painting.count = 0;
		arena_reset(arena);
	}
	arena_free(&arena);
}

void pdf_paint(struct pdf *pdf, struct slice stream, const struct pdf_value *resources, struct buf *out)
{
	static const struct matrix none = {1, 0, 0, 1, 0, 0};
	struct painter painter = {.pdf = pdf, .out = out, .state = {.page = none, .scale = 1}, .text = none, .line = none};
	paint(&painter, stream, resources);
}
