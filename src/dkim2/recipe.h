/* How a change is undone (DKIM2 "Recipes"): a JSON object that says of header and body which lines of now are to be taken and which put in to have
 * what was there before. Hostile text: bounded by its field (DKIM2_FIELD_MAX), read without recursion beyond a few levels, applied in one pass. */
#ifndef DKIM2_RECIPE_H
#define DKIM2_RECIPE_H

#include "dkim/body.h"
#include "dkim2/content.h"

enum { DKIM2_RECIPE_NAMES_MAX = 100, DKIM2_RECIPE_STEPS_MAX = 10000 /* of a header's field or the body */ };

/** Takes lines first to last of now, counted from 1, or puts others in. */
struct dkim2_step {
	bool take;
	uint64_t first, last;
	struct slice *lines;
	size_t count;
};
struct dkim2_steps {
	struct slice name; /* of a header's fields */
	struct dkim2_step *list;
	size_t count;
};
struct dkim2_recipe {
	bool header_lost, body_lost; /* what was there before isn't said */
	bool body_changed;
	bool takes_away;             /* of the header something was removed or changed, not only added */
	struct dkim2_steps fields[DKIM2_RECIPE_NAMES_MAX];
	size_t field_count;
	struct dkim2_steps body;
};

/** False: it is none, or beyond the limits. Everything is in the arena. */
bool dkim2_recipe_read(struct slice json, struct arena *arena, struct dkim2_recipe *recipe);
/** The header as it was before. False: the recipe takes what isn't there, or makes more than DKIM2_HEADER_FIELDS_MAX. */
bool dkim2_recipe_header(const struct dkim2_recipe *recipe, const struct dkim2_header *now, struct arena *arena, struct dkim2_header *before);

/** Undoes the change of a body that comes in pieces. */
struct dkim2_undo {
	const struct dkim2_steps *steps;
	size_t step;
	uint64_t line;           /* that comes, from 1 */
	bool in_line, taking;
	bool unended;            /* the last byte that was given on was no line end */
	bool wrong;              /* after the end: the recipe takes what isn't there */
	struct dkim_body *body;  /* where the body goes as it was before … */
	struct dkim2_undo *next; /* … and where still older changes are undone, or NULL */
};
void dkim2_undo_begin(struct dkim2_undo *undo, const struct dkim2_steps *steps, struct dkim_body *body);
void dkim2_undo_add(struct dkim2_undo *undo, struct slice piece);
/** The body has ended; of those that follow one another, the first is ended first. */
void dkim2_undo_end(struct dkim2_undo *undo);

#endif
