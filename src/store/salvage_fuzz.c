/* libFuzzer: any bytes as the database of an account that is damaged. Whatever can be read of it, what is kept is what the account may keep, and it ends. */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "store/mail/mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], damaged[80], made[80];
static struct db *into;

static void clean_up(void)
{
	static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
	char path[100];
	db_close(&into);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		snprintf(path, sizeof path, "%s%s", damaged, endings[i]);
		unlink(path);
		snprintf(path, sizeof path, "%s%s", made, endings[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void begin(void)
{
	struct error error = {0};
	snprintf(folder, sizeof folder, "%s/salvage-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder))
		abort();
	snprintf(damaged, sizeof damaged, "%s/damaged", folder);
	snprintf(made, sizeof made, "%s/made", folder);
	log_set_role("fuzz", LOG_LEVEL_ERROR + 1);
	into = db_open(made, &(struct db_options){.durability = DB_DURABLE_AS_A_FILE, .create = true}, &error);
	if (!into || !mail_fill(into, &(struct mail_first){.name = SLICE("anna@example.test"), .epoch = 1}, &error))
		abort();
	atexit(clean_up);
}

static void write_damaged(const uint8_t *data, size_t size)
{
	int fd = open(damaged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static int64_t count(const char *sql)
{
	struct error error;
	struct db_statement *s = db_prepare(into, sql);
	enum db_step step = db_step(s, &error);
	assert(step == DB_ROW);
	int64_t number = db_number(s, 0);
	db_reset(s);
	return number;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error;
	if (!into)
		begin();
	write_damaged(data, size);
	bool done = mail_salvage(damaged, into, &error);
	assert(count("SELECT COUNT(*) FROM object WHERE kind IN (1, 2, 3, 8, 9) AND id > 0 AND substr(text, 1, 1) = '{' AND typeof(text) = 'text'") == count("SELECT COUNT(*) FROM object"));
	assert(count("SELECT COUNT(*) FROM contact_photo WHERE id > 0 AND size = length(bytes) AND size > 0") == count("SELECT COUNT(*) FROM contact_photo"));
	assert(done || count("SELECT (SELECT COUNT(*) FROM object) + (SELECT COUNT(*) FROM contact_place) + (SELECT COUNT(*) FROM contact_photo)") == 0);
	done = db_exec(into, "DELETE FROM object; DELETE FROM contact_place; DELETE FROM contact_photo;", &error);
	assert(done);
	return 0;
}
