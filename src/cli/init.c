/* pombal init: makes a data directory that works at once. The configuration is written last: a directory without it holds
 * no instance, so an init that failed half-way can be repeated. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/dns_name.h"
#include "cli/instance.h"
#include "cli/password.h"
#include "cli/sendmail.h"
#include "cli/self_signed.h"
#include "cli/setup.h"
#include "config/config_check.h"
#include "main/privileges.h"
#include "message/address.h"

enum { GENERATED_PASSWORD_LEN = 16, PORT_MAX = 65535, DEV_PORT_MOST = 8443 /* of all services */, INIT_FILE_MAX = 256 * 1024 };

static const char mail_user[] = "pombal"; /* whom the package makes */

struct plan {
	struct command_line *line;
	struct slice domain;      /* canonical */
	char domain_ascii[ADDRESS_DOMAIN_MAX + 1];
	char hostname[ADDRESS_DOMAIN_MAX + 8];
	struct slice administrator; /* the first account's address; empty: postmaster, with a password that is thought up */
	struct buf password;
	bool dev;
	bool shared; /* the folder holds other files: its owner and mode stay */
	unsigned taken; /* bits of enum service: another program of this machine listens there */
	uint64_t port_base;
	const char *storage, *queue_storage, *directory_storage; /* the options of these names; NULL: files */
};

/* ---- What was asked for ---- */

/* Does another program of this machine listen there already, as a web server does on many? Only root can tell of low ports. */
static bool is_taken(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* connections that have been there don't matter */
	bool taken = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno == EADDRINUSE;
	if (fd >= 0)
		close(fd);
	return taken;
}

static unsigned find_taken(void)
{
	unsigned taken = 0;
	for (int i = 0; i < SERVICE_COUNT; i++)
		if (service_rows[i].role == ROLE_WEB && is_taken(service_rows[i].port))
			taken |= 1U << i;
	return taken;
}

static int plan_ports(struct plan *plan)
{
	const char *base = command_value(plan->line, "port-base");
	plan->dev = command_value(plan->line, "dev") != NULL;
	if (base && (!plan->dev || !slice_to_number(slice_of(base), PORT_MAX - DEV_PORT_MOST, &plan->port_base)))
		return command_misuse(plan->line, plan->dev ? "--port-base %s is not a number up to %d" : "--port-base %s goes with --dev only", base, PORT_MAX - DEV_PORT_MOST);
	plan->taken = plan->dev ? 0 : find_taken();
	return COMMAND_DONE;
}

/* "anna": of the domain; or a whole address. */
static int plan_administrator(struct plan *plan)
{
	const char *name = command_value(plan->line, "administrator");
	struct error error;
	if (!name)
		return command_value(plan->line, "password-stdin") ? command_misuse(plan->line, "--password-stdin goes with --administrator") : COMMAND_DONE;
	struct slice address = slice_of(name);
	if (slice_find_char(address, '@') == SLICE_NONE)
		address = arena_printf(plan->line->arena, "%s@%.*s", name, SLICE_ARG(plan->domain));
	if (!instance_address(plan->line, address, &plan->administrator, &error))
		return command_fail_with(plan->line, &error);
	struct slice local, domain;
	address_split(plan->administrator, &local, &domain);
	if (!slice_equal(domain, plan->domain))
		return command_fail(plan->line, "%s isn't of %.*s", name, SLICE_ARG(plan->domain));
	return cli_password_ask(plan->line, plan->administrator, &plan->password, &error) ? COMMAND_DONE : command_fail_with(plan->line, &error);
}

static int make_plan(struct command_line *line, struct plan *plan)
{
	const char *domain = command_value(line, "domain"), *hostname = command_value(line, "hostname");
	struct error error;
	*plan = (struct plan){.line = line, .password = BUF_SECRET(PASSWORD_MAX), .storage = command_value(line, "storage"),
		.queue_storage = command_value(line, "queue-storage"), .directory_storage = command_value(line, "directory-storage")};
	int status = plan_ports(plan);
	if (status != COMMAND_DONE)
		return status;
	if (!domain && !plan->dev)
		return command_misuse(line, "--domain is missing (`pombal setup` asks for it in a browser)");
	const char *const storages[] = {plan->storage, plan->queue_storage, plan->directory_storage};
	for (size_t i = 0; i < sizeof storages / sizeof *storages; i++)
		if (storages[i] && !check_storage(slice_of(storages[i]), &error))
			return command_fail_with(line, &error);
	if (!instance_domain(line, slice_of(domain ? domain : "example.test"), &plan->domain, &error))
		return command_fail_with(line, &error);
	struct slice ascii = domain_to_ascii(plan->domain, line->arena);
	if (ascii.len == 0 || ascii.len >= sizeof plan->domain_ascii)
		return command_fail(line, "\"%s\" can't be a domain of mail", domain);
	snprintf(plan->domain_ascii, sizeof plan->domain_ascii, "%.*s", SLICE_ARG(ascii));
	struct slice host = slice_of(hostname);
	if (hostname && !slice_is_ascii(host) && (ascii = domain_to_ascii(host, line->arena)).len > 0) /* with letters of any language */
		host = ascii;
	if (hostname)
		snprintf(plan->hostname, sizeof plan->hostname, "%.*s", SLICE_ARG(host));
	else
		snprintf(plan->hostname, sizeof plan->hostname, "mail.%s", plan->domain_ascii);
	if (cli_ends_in_number(slice_of(plan->domain_ascii)) || cli_ends_in_number(slice_of(plan->hostname)))
		return command_fail(line, "an address is no name of a domain, nor of a server");
	return check_host_name(slice_of(plan->hostname), &error) ? plan_administrator(plan) : command_fail_with(line, &error);
}

/* ---- The directory ---- */

/* A folder that is ours may hold what an init that failed has left, and what the file system has put there. */
static bool is_ours(const char *name)
{
	static const char *const others[] = {".", "..", "lost+found"};
	bool ours = false;
	for (size_t i = 0; i < CONFIG_FOLDER_COUNT; i++)
		ours |= slice_equal(slice_of(name), slice_of(config_folders[i].name));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ours |= slice_equal(slice_of(name), slice_of(others[i]));
	return ours;
}

static bool holds_other_files(const char *path)
{
	DIR *folder = opendir(path);
	bool found = false;
	for (struct dirent *entry; folder && !found && (entry = readdir(folder));)
		found = !is_ours(entry->d_name);
	if (folder)
		closedir(folder);
	return found;
}

/* Root gives a server's directory to the mail user, where there is one; a developer's stays the developer's. */
static void give_to_user(const struct plan *plan)
{
	struct stat status;
	const struct passwd *user = getpwnam(mail_user);
	if (getuid() == 0 && !plan->dev && !plan->shared && user && stat(plan->line->data, &status) == 0 && status.st_uid == 0 &&
	    chown(plan->line->data, user->pw_uid, user->pw_gid) != 0)
		command_fail(plan->line, "can't give %s to %s", plan->line->data, mail_user);
}

static bool make_directory(struct plan *plan)
{
	char path[PATH_MAX];
	struct error error;
	snprintf(path, sizeof path, "%s/pombal.conf", plan->line->data);
	if (access(path, F_OK) == 0) {
		command_fail(plan->line, "%s holds an instance already", plan->line->data);
		return false;
	}
	snprintf(path, sizeof path, "%s", plan->line->data);
	size_t slash = slice_find_last_char(slice_of(path), '/');
	if (slash != SLICE_NONE && slash > 0) {
		path[slash] = '\0';
		if (!file_make_folders(path, 0755, &error)) { /* what leads there is for others, too */
			command_fail_with(plan->line, &error);
			return false;
		}
	}
	if (mkdir(plan->line->data, 0700) != 0 && errno != EEXIST) {
		error_set_errno(&error, errno, "making %s", plan->line->data);
		command_fail_with(plan->line, &error);
		return false;
	}
	struct stat status;
	plan->shared = holds_other_files(plan->line->data);
	if (plan->shared && stat(plan->line->data, &status) == 0 && status.st_mode & 022) {
		command_fail(plan->line, "%s holds other files, and other users may write there: name a folder of its own", plan->line->data);
		return false;
	}
	give_to_user(plan);
	return instance_become_owner(plan->line);
}

static bool make_folders(const struct plan *plan, struct error *error)
{
	char path[PATH_MAX];
	for (size_t i = 0; i < CONFIG_FOLDER_COUNT; i++) {
		snprintf(path, sizeof path, "%s/%s", plan->line->data, config_folders[i].name);
		if (!file_make_folders(path, 0700, error))
			return false;
	}
	/* Who had the directory before us may have left it open to everybody. */
	return plan->shared || chmod(plan->line->data, 0700) == 0 || error_set_errno(error, errno, "%s", plan->line->data);
}

static void path_of(const struct plan *plan, const char *name, char out[PATH_MAX]) { snprintf(out, PATH_MAX, "%s/%s", plan->line->data, name); }

/* Who makes it in a browser has agreed to the certificate that is there, and could go on with no other. */
static bool is_set_up(const struct plan *plan)
{
	char code[PATH_MAX], chain[PATH_MAX];
	path_of(plan, CLI_SETUP_CODE, code);
	path_of(plan, "certificates/self-signed.pem", chain);
	return access(code, F_OK) == 0 && access(chain, F_OK) == 0;
}

static bool make_certificate(const struct plan *plan, struct error *error)
{
	char path[PATH_MAX];
	struct buf chain = BUF(INIT_FILE_MAX), key = BUF(INIT_FILE_MAX);
	bool done = cli_self_signed_make(plan->hostname, plan->domain_ascii, &chain, &key, error);
	path_of(plan, "certificates/self-signed.key", path);
	done = done && file_replace(path, buf_slice(&key), 0600, error);
	path_of(plan, "certificates/self-signed.pem", path); /* last: where it is, both are */
	done = done && file_replace(path, buf_slice(&chain), 0644, error);
	buf_free(&chain);
	buf_free_secret(&key);
	return done;
}

/* ---- The configuration ---- */

/* Where a web server is, ours comes behind it, if its administrator wants that. */
static bool leave_to_others(const struct plan *plan, const struct service_row *service)
{
	if (!(plan->taken & 1U << (service - service_rows)))
		return false;
	printf("port %u is taken by another program: %s stays empty (the guide tells how to put that one in front)\n", service->port, service->option);
	return true;
}

static void write_settings(const struct plan *plan, struct buf *out)
{
	bool six = access("/proc/net/if_inet6", F_OK) == 0;
	buf_printf(out, "hostname = %s\ncertificates = {\"certificates/self-signed.pem certificates/self-signed.key\"}\n", plan->hostname);
	for (const struct service_row *service = service_rows; service < service_rows + SERVICE_COUNT; service++) {
		if (plan->dev && service->dev_port != 0)
			buf_printf(out, "%s = {\"127.0.0.1:%u\"}\n", service->option, service->dev_port + (unsigned)plan->port_base);
		else if (!plan->dev && service->port != 0 && !leave_to_others(plan, service))
			buf_printf(out, six ? "%s = {\"0.0.0.0:%u\", \"[::]:%u\"}\n" : "%s = {\"0.0.0.0:%u\"}\n", service->option, service->port, service->port);
	}
	if (plan->storage)
		buf_printf(out, "storage = \"%s\"\n", plan->storage);
	if (plan->queue_storage)
		buf_printf(out, "queue_storage = \"%s\"\n", plan->queue_storage);
	if (plan->directory_storage)
		buf_printf(out, "directory_storage = \"%s\"\n", plan->directory_storage);
	if (slice_equal(slice_of(plan->line->data), SLICE(COMMAND_DATA))) /* the package's unit makes its folder */
		buf_append_text(out, "sendmail_listen = {\"" SENDMAIL_SOCKET "\"}\n");
	if (!plan->dev)
		buf_printf(out, "reports_from = postmaster@%s\n", plan->domain_ascii);
	if (plan->dev) /* no certification authority reaches it, whatever its name */
		buf_append_text(out, "acme = \"no\"\n");
	if (plan->dev) /* all clients come from one address */
		buf_append_text(out, "connections_per_address = 0\naccount_connections = 100000\nauth_failures_per_address = 0\n"
				     "max_messages_per_session = 10000000\nsender_checks = no\nharvest_refuse = 0\nstranger_rates = {}\nsubmission_rate = 0\nsubmission_rate_day = 0\n");
}

/* Leaves the settings as the current configuration; *file is the text of pombal.conf, to be written at the end. */
static bool make_config(const struct plan *plan, struct buf *file, struct error *error)
{
	struct buf settings = BUF(INIT_FILE_MAX);
	write_settings(plan, &settings);
	struct config *config = config_parse(buf_slice(&settings), "settings", error);
	buf_free(&settings);
	if (!config)
		return false;
	config_write_file(file, config);
	config_set_current(config);
	return true;
}

/* ---- People ---- */

/* Letters and digits that can't be mistaken for one another; 16 of them are 93 bits. */
static void make_password(char out[GENERATED_PASSWORD_LEN + 1])
{
	static const char alphabet[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	for (int i = 0; i < GENERATED_PASSWORD_LEN; i++)
		out[i] = alphabet[random_below(sizeof alphabet - 1)];
	out[GENERATED_PASSWORD_LEN] = '\0';
}

static bool fine_if_there(bool done, const struct error *error) { return done || error->kind == ERROR_EXISTS; }

static bool add_account(struct directory *directory, struct store *store, struct slice address, struct slice password, enum auth_rank rank, struct error *error)
{
	struct auth_account_entry account = {.name = address, .enabled = true, .created = clock_now(), .administrator = rank};
	return fine_if_there(directory_add_account(directory, &account, error), error) && directory_set_password(directory, address, password, error) &&
	       fine_if_there(store_create_account(store, address, error), error);
}

static bool make_account(const struct plan *plan, struct directory *directory, struct store *store, const char *name, enum auth_rank rank, struct error *error)
{
	char password[GENERATED_PASSWORD_LEN + 1];
	struct slice address = arena_printf(plan->line->arena, "%s@%.*s", name, SLICE_ARG(plan->domain));
	struct auth_account_entry there;
	if (plan->directory_storage && directory_get_account(directory, address, plan->line->arena, &there, error)) /* another server's people are ours */
		return fine_if_there(store_create_account(store, address, error), error);
	make_password(password);
	bool done = add_account(directory, store, address, slice_of(password), rank, error);
	if (done)
		printf("account %.*s password %s\n", SLICE_ARG(address), password);
	if (done && rank == RANK_SERVER)
		printf("%.*s administers the server in the browser (/admin); `pombal account set --administrator` says who does\n", SLICE_ARG(address));
	memory_wipe(password, sizeof password);
	return done;
}

/* Whoever is named, with the password that was given; what is for postmaster, as it must be taken (RFC 5321 §4.5.1), goes there. */
static bool make_administrator(const struct plan *plan, struct directory *directory, struct store *store, struct error *error)
{
	struct slice postmaster = arena_printf(plan->line->arena, "postmaster@%.*s", SLICE_ARG(plan->domain)), target = plan->administrator;
	struct auth_alias_entry alias = {.address = postmaster, .targets = &target, .target_count = 1};
	return add_account(directory, store, plan->administrator, buf_slice(&plan->password), RANK_SERVER, error) &&
	       (slice_equal(plan->administrator, postmaster) || fine_if_there(directory_add_alias(directory, &alias, error), error));
}

static bool make_people(const struct plan *plan, struct error *error)
{
	struct directory *directory = directory_open(plan->line->data, error);
	struct store *store = directory ? store_open(&(struct store_options){.data = plan->line->data, .storage = plan->storage}, error) : NULL;
	struct auth_domain_entry domain = {.name = plan->domain};
	bool done = store && fine_if_there(directory_add_domain(directory, &domain, error), error) && directory_make_keys(directory, plan->domain, error) &&
		    (plan->administrator.len > 0 ? make_administrator(plan, directory, store, error) : make_account(plan, directory, store, "postmaster", RANK_SERVER, error));
	if (plan->dev && plan->administrator.len == 0)
		done = done && make_account(plan, directory, store, "alice", RANK_NONE, error) && make_account(plan, directory, store, "bob", RANK_NONE, error);
	if (store)
		store_close(&store);
	if (directory)
		directory_close(&directory);
	return done;
}

/* The program as it can be called again: by its name where the system's programs are, else by its path. */
static const char *program_name(char path[PATH_MAX])
{
	static const char *const places[] = {"/usr/bin/pombal", "/usr/local/bin/pombal"};
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	path[len > 0 ? len : 0] = '\0';
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (len <= 0 || slice_equal(slice_of(path), slice_of(places[i])))
			return "pombal";
	return path;
}

/* How to go on, by how it was installed. */
static void say_next_step(const struct plan *plan)
{
	char path[PATH_MAX];
	const char *data = plan->line->data, *program = program_name(path);
	bool unit = slice_equal(slice_of(data), SLICE("/var/lib/pombal")) && access("/usr/lib/systemd/system/pombal.service", F_OK) == 0;
	printf("made %s for %.*s; to serve it: ", data, SLICE_ARG(plan->domain));
	if (unit)
		printf("systemctl enable --now pombal\n");
	else
		printf("%s serve --data %s\n", program, data);
	if (plan->dev)
		return;
	bool installed = access("/usr/share/doc/pombal/guide.md", F_OK) == 0;
	printf("then: %s check%s%s; the records for the DNS and a certificate are told in %s\n", program, unit ? "" : " --data ", unit ? "" : data,
	       installed ? "/usr/share/doc/pombal/guide.md" : "docs/guide.md");
}

static bool make_all(struct plan *plan, struct error *error)
{
	char path[PATH_MAX];
	struct buf file = BUF(INIT_FILE_MAX);
	bool done = make_folders(plan, error) && (is_set_up(plan) || make_certificate(plan, error)) && make_config(plan, &file, error) && make_people(plan, error);
	path_of(plan, "pombal.conf", path);
	done = done && file_replace(path, buf_slice(&file), 0600, error);
	path_of(plan, CLI_SETUP_CODE, path);
	if (done)
		unlink(path); /* nobody can use it any more */
	buf_free(&file);
	config_free_all();
	return done;
}

static int run(struct command_line *line)
{
	struct plan plan;
	struct error error;
	int status = make_plan(line, &plan);
	if (status == COMMAND_DONE && !make_directory(&plan))
		status = COMMAND_FAILED;
	if (status == COMMAND_DONE) {
		log_set_role("init", LOG_LEVEL_WARNING);
		status = make_all(&plan, &error) ? COMMAND_DONE : command_fail_with(line, &error);
	}
	buf_free(&plan.password);
	if (status != COMMAND_DONE)
		return status;
	instance_note(line, "admin.initialised", log_slice("domain", plan.domain));
	say_next_step(&plan);
	return COMMAND_DONE;
}

/* ---- For pombal setup ---- */

/* The name in the certificate that a browser is asked to agree to: this machine's, if it can stand there. */
static void name_machine(struct plan *plan)
{
	struct error ignored;
	if (gethostname(plan->hostname, sizeof plan->hostname - 1) != 0 || !check_host_name(slice_of(plan->hostname), &ignored))
		snprintf(plan->hostname, sizeof plan->hostname, "localhost");
	snprintf(plan->domain_ascii, sizeof plan->domain_ascii, "%.*s", (int)sizeof plan->domain_ascii - 1, plan->hostname);
}

int cli_setup_begin(struct command_line *line)
{
	struct plan plan = {.line = line};
	struct error error;
	char path[PATH_MAX], code[CLI_SETUP_CODE_SIZE];
	int status = plan_ports(&plan);
	if (status != COMMAND_DONE || !make_directory(&plan))
		return status != COMMAND_DONE ? status : COMMAND_FAILED;
	log_set_role("setup", LOG_LEVEL_WARNING);
	name_machine(&plan);
	if (!make_folders(&plan, &error) || (!is_set_up(&plan) && !make_certificate(&plan, &error)))
		return command_fail_with(line, &error);
	path_of(&plan, CLI_SETUP_CODE, path);
	if (access(path, F_OK) == 0) /* whoever has begun goes on */
		return COMMAND_DONE;
	cli_setup_code_make(code);
	bool done = file_replace(path, slice_of(code), 0600, &error);
	memory_wipe(code, sizeof code);
	return done ? COMMAND_DONE : command_fail_with(line, &error);
}

static const struct command_option options[] = {
	{"domain", "DOMAIN", "the domain whose mail it takes"},
	{"hostname", "HOST", "the name of this server (default: mail.DOMAIN)"},
	{"dev", NULL, "for development: loopback only, high ports, accounts alice and bob; DOMAIN is example.test by default"},
	{"storage", "URL", "where the rows of people's mail are: postgresql://USER@HOST/DATABASE (default: files of the data directory)"},
	{"queue-storage", "URL", "likewise, where the queue is"},
	{"directory-storage", "URL", "likewise, where domains, accounts, aliases and hashes of passwords are"},
	{"port-base", "N", "with --dev: N is added to each port"},
	{"administrator", "NAME", "the first account, NAME@DOMAIN, which administers the server, instead of postmaster; its password is asked for"},
	{"password-stdin", NULL, "that password is the first line of standard input"},
	{0},
};

const struct command cli_init_commands[] = {
	{"init", "", "Makes a data directory with configuration, certificate and a postmaster account.", run, options, 0, 0, COMMAND_NO_DATA},
	{0},
};
