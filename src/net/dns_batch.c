/* Questions under way. A batch is held by who has asked and, for each of its questions, by libunbound until that has answered or the question was
 * cancelled; who lets go of it last frees it. */
#include "base/clock.h"
#include "base/memory.h"
#include "net/dns_internal.h"

enum { CLASS_IN = 1 };

struct asked {
	struct dns_batch *batch;
	struct ub_ctx *context;
	int id;
	bool done;
	struct ub_result *result; /* NULL when done without one */
};

struct dns_batch {
	struct dns *dns;
	void (*done)(void *context);
	void *context;
	struct asked *list;
	size_t count;
	size_t holders;           /* from here on with the lock of `dns` */
	size_t left;              /* questions without an answer */
	bool begun;               /* somebody waits, and was told of nothing yet */
	pthread_cond_t answered;  /* all are, or nobody is to wait any longer */
	struct dns_batch *before, *after; /* among dns->batches */
};

struct dns_batch *dns_batch_new(struct dns *dns, size_t most, void (*done)(void *context), void *context)
{
	struct dns_batch *batch = memory_new(sizeof *batch);
	*batch = (struct dns_batch){.dns = dns, .done = done, .context = context, .holders = 1, .list = memory_array(most, sizeof *batch->list)};
	clock_init_condition(&batch->answered);
	pthread_mutex_lock(&dns->lock);
	batch->after = dns->batches;
	if (dns->batches)
		dns->batches->before = batch;
	dns->batches = batch;
	pthread_mutex_unlock(&dns->lock);
	return batch;
}

static void free_batch(struct dns_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->list[i].result)
			ub_resolve_free(batch->list[i].result);
	pthread_cond_destroy(&batch->answered);
	free(batch->list);
	free(batch);
}

static void let_go(struct dns_batch *batch)
{
	struct dns *dns = batch->dns;
	pthread_mutex_lock(&dns->lock);
	bool last = --batch->holders == 0;
	pthread_mutex_unlock(&dns->lock);
	if (last)
		free_batch(batch);
}

/* With the lock held. */
static void tell(struct dns_batch *batch)
{
	bool waits = batch->begun;
	batch->begun = false;
	if (waits && batch->done)
		batch->done(batch->context);
	else
		pthread_cond_signal(&batch->answered);
}

void dns_batches_stop(struct dns *dns)
{
	for (struct dns_batch *batch = dns->batches; batch; batch = batch->after)
		tell(batch);
}

static void on_answer(void *argument, int failed, struct ub_result *result)
{
	struct asked *asked = argument;
	struct dns_batch *batch = asked->batch;
	pthread_mutex_lock(&batch->dns->lock);
	asked->done = true;
	asked->result = failed ? NULL : result;
	if (--batch->left == 0)
		tell(batch);
	pthread_mutex_unlock(&batch->dns->lock);
	let_go(batch);
}

void dns_batch_ask(struct dns_batch *batch, const char *name, int type)
{
	struct asked *asked = &batch->list[batch->count++];
	struct dns_engine *engine = dns_engine_choose(batch->dns);
	*asked = (struct asked){.batch = batch, .context = engine ? engine->context : NULL};
	pthread_mutex_lock(&batch->dns->lock);
	batch->holders++;
	batch->left++;
	pthread_mutex_unlock(&batch->dns->lock);
	if (!engine || ub_resolve_async(engine->context, name, type, CLASS_IN, asked, on_answer, &asked->id) != 0)
		on_answer(asked, -1, NULL);
}

bool dns_batch_begin(struct dns_batch *batch)
{
	pthread_mutex_lock(&batch->dns->lock);
	bool begun = batch->begun = batch->left > 0 && !batch->dns->stopping;
	pthread_mutex_unlock(&batch->dns->lock);
	return begun;
}

void dns_batch_wait(struct dns_batch *batch, int64_t deadline)
{
	pthread_mutex_lock(&batch->dns->lock);
	while (batch->left > 0 && !batch->dns->stopping && clock_wait(&batch->answered, &batch->dns->lock, deadline))
		;
	pthread_mutex_unlock(&batch->dns->lock);
}

const struct ub_result *dns_batch_result(struct dns_batch *batch, size_t number)
{
	pthread_mutex_lock(&batch->dns->lock);
	const struct ub_result *result = batch->list[number].result;
	pthread_mutex_unlock(&batch->dns->lock);
	return result;
}

/* With the lock held. */
static void unlist(struct dns_batch *batch)
{
	*(batch->before ? &batch->before->after : &batch->dns->batches) = batch->after;
	if (batch->after)
		batch->after->before = batch->before;
}

static bool is_done(const struct asked *asked)
{
	pthread_mutex_lock(&asked->batch->dns->lock);
	bool done = asked->done;
	pthread_mutex_unlock(&asked->batch->dns->lock);
	return done;
}

void dns_batch_end(struct dns_batch **ended)
{
	struct dns_batch *batch = *ended;
	*ended = NULL;
	pthread_mutex_lock(&batch->dns->lock);
	unlist(batch);
	batch->begun = false;
	pthread_mutex_unlock(&batch->dns->lock);
	/* If cancelling fails, the answer is on its way and lets go of the batch itself. */
	for (size_t i = 0; i < batch->count; i++)
		if (!is_done(&batch->list[i]) && ub_cancel(batch->list[i].context, batch->list[i].id) == 0)
			let_go(batch);
	let_go(batch);
}
