/* Removing what no row names; see bodies.h for why it takes two sweeps. */
#include <stdlib.h>

#include "base/array.h"
#include "store/bodies/internal.h"

struct sweeping {
	const struct bodies_suspects *before; /* of the last sweep */
	int64_t oldest;                       /* seconds: what is younger is let be */
	bodies_is_named is_named;
	void *context;
	struct body *nameless;                /* of this one */
	size_t count, room, named;
	struct bodies_swept *swept;
};

static int by_id(const void *a, const void *b)
{
	const struct body *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static int number_by_id(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static bool was_suspected(const struct bodies_suspects *suspects, int64_t id)
{
	return suspects->count > 0 && bsearch(&id, suspects->ids, suspects->count, sizeof id, number_by_id);
}

static bool look_at(void *context, const struct body *body, struct error *error)
{
	struct sweeping *sweeping = context;
	bool named = false;
	sweeping->swept->seen++;
	if (id_time(body->id) / 1000 >= sweeping->oldest || sweeping->count == BODIES_SUSPECTS_MAX)
		return true;
	if (!sweeping->is_named(sweeping->context, body, &named, error))
		return false;
	sweeping->named += named;
	if (named)
		return true;
	ARRAY_GROW(sweeping->nameless, sweeping->count, sweeping->room);
	sweeping->nameless[sweeping->count++] = *body;
	return true;
}

/* Takes those that were suspected out of the list, and removes them, some at a time. */
static bool remove_suspects(struct bodies *bodies, struct sweeping *sweeping, struct error *error)
{
	enum { STEP = 1000 };
	struct body *going = NULL;
	size_t count = 0, room = 0, kept = 0;
	for (size_t i = 0; i < sweeping->count; i++)
		if (was_suspected(sweeping->before, sweeping->nameless[i].id)) {
			ARRAY_GROW(going, count, room);
			going[count++] = sweeping->nameless[i];
		} else
			sweeping->nameless[kept++] = sweeping->nameless[i];
	sweeping->count = kept;
	bool done = true;
	for (size_t i = 0; done && i < count; i += STEP) {
		size_t step = count - i < STEP ? count - i : STEP;
		done = bodies->driver->remove(bodies->state, going + i, step, error);
		sweeping->swept->removed += done ? step : 0;
	}
	free(going);
	return done;
}

static void remember(struct bodies_suspects *suspects, const struct sweeping *sweeping)
{
	size_t room = 0;
	bodies_free_suspects(suspects);
	if (sweeping->count > 1)
		qsort(sweeping->nameless, sweeping->count, sizeof *sweeping->nameless, by_id);
	for (size_t i = 0; i < sweeping->count; i++) {
		ARRAY_GROW(suspects->ids, suspects->count, room);
		suspects->ids[suspects->count++] = sweeping->nameless[i].id;
	}
	sweeping->swept->suspected = suspects->count;
}

void bodies_free_suspects(struct bodies_suspects *suspects)
{
	free(suspects->ids);
	*suspects = (struct bodies_suspects){0};
}

bool bodies_sweep(struct bodies *bodies, struct bodies_suspects *suspects, int64_t before, bodies_is_named is_named, void *context, struct bodies_swept *swept, struct error *error)
{
	struct sweeping sweeping = {.before = suspects, .oldest = before, .is_named = is_named, .context = context, .swept = swept};
	*swept = (struct bodies_swept){0};
	bool done = bodies_list(bodies, look_at, &sweeping, error);
	if (done && sweeping.named == 0 && sweeping.count >= BODIES_NONE_NAMED)
		done = error_set(error, ERROR_INVALID, "none of %zu bodies is named: these aren't the rows that they belong to", sweeping.count);
	done = done && remove_suspects(bodies, &sweeping, error);
	if (done)
		remember(suspects, &sweeping);
	done = done && bodies->driver->clean(bodies->state, before, error);
	free(sweeping.nameless);
	return done;
}
