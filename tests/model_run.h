/* model_run.h - runs the scenarios of a model_*.cc under relacy: at random, exhaustively with few
   switches, and with each atomic weakened in turn (the removal table). The file that includes this
   defines what stands under "the file's own". */
#ifndef MODEL_RUN_H
#define MODEL_RUN_H
#include "model.h"
#include "check.h"
#include <ctype.h>
#include <string>
#include <vector>
#include <sys/mman.h>

struct scenario {
    virtual void before() = 0;
    virtual void thread(unsigned i) = 0;
    virtual void after() = 0;
};
/* ---- the file's own ---- */

struct scenario_row {
    const char *name;
    scenario *s;
    int threads;
};
struct spare { /* a weakening that no scenario finds, and why it stays */
    const char *function;
    int kind, weak;
    const char *why;
};
static const char *model_name, *model_header; /* the program; whose atomics it weakens */
static const scenario_row *scenarios;
static int scenario_count;
static const spare *spares;                   /* function NULL behind the last */

/* ---- running them ---- */

template <int n> struct suite : rl::test_suite<suite<n>, n> {
    static scenario *s;
    void before() { s->before(); }
    void thread(unsigned i) { s->thread(i); }
    void after() { s->after(); }
};
template <int n> scenario *suite<n>::s;

/* A run: so many random schedules, or (0) all that switch threads `switches` times at will. */
static bool run(scenario *s, int threads, rl::test_params &p) {
    p.execution_depth_limit = 100000;
    suite<2>::s = suite<3>::s = s;
    model_forget();
    model_clear();
    return threads == 2 ? rl::simulate<suite<2> >(p) : rl::simulate<suite<3> >(p);
}

/* ---- processes: a weakened header may crash or hang, and that is one more way to fail ---- */

enum { MOST_JOBS = 8, MOST_MUTANTS = 1024, MOST_SCENARIOS = 64 };
struct result {
    int scenario, how; /* which failed and how: 0 not, 1 an assertion (or another finding of relacy's), 2 crash, 3 hang */
    uint64_t schedules; /* of all scenarios together, until then */
    char what[120];
};
static struct shared_memory {
    result results[MOST_MUTANTS];
    uint64_t reached[MOST_SCENARIOS][MODEL_SITES]; /* by which scenario */
    model_site sites[MODEL_SITES];
} * together;

static uint64_t first_schedule = 1;

/* One scenario in this process. False: it failed; what says how. */
static bool try_one(int i, rl::scheduler_type_e how, uint64_t iterations, unsigned switches, result *r, FILE *history) {
    rl::test_params p;
    rl::ostringstream out;
    bool good;
    p.output_stream = p.progress_stream = &out;
    p.search_type = how, p.iteration_count = iterations, p.context_bound = switches;
    if (how == rl::random_scheduler_type) { /* the number of the schedule is its seed */
        char start[32];
        snprintf(start, sizeof start, "%llu ", (unsigned long long)first_schedule);
        p.initial_state = start, p.iteration_count = first_schedule + iterations - 1u;
    }
    r->scenario = i;
    good = run(scenarios[i].s, scenarios[i].threads, p);
    r->schedules += how == rl::random_scheduler_type ? p.stop_iteration - first_schedule + 1u : p.stop_iteration;
    if (good) return true;
    r->how = 1;
    std::string text(out.str().c_str());
    size_t at = text.find("(assertion: ");
    std::string what = at == std::string::npos ? rl::test_result_str(p.test_result) : text.substr(at + 12, text.find('\n', at) - at - 13);
    snprintf(r->what, sizeof r->what, "%s", what.c_str());
    if (history) fputs(text.c_str(), history);
    return false;
}

/* All scenarios that reach the weakened site, short at first, long at last. */
static void try_mutant(int site, int weak, uint64_t most, result *r) {
    model_weak_site = site, model_weak = weak;
    uint64_t first = first_schedule;
    for (uint64_t n = 500; n <= most; first_schedule = first + n, n *= 8)
        for (int i = 0; i < scenario_count; i++)
            if (together->reached[i][site] && !try_one(i, rl::random_scheduler_type, n, 0, r, NULL)) return;
    r->scenario = -1;
}

/* Runs task(n) for n = 0 .. count-1 in processes of their own, a few at a time. */
template <class T> static void spread(int count, unsigned seconds, T task) {
    const char *env = getenv("JOBS");
    int most = env ? atoi(env) : 2, next = 0, running = 0;
    pid_t jobs[MOST_JOBS] = {0};
    result *of[MOST_JOBS];
    if (most < 1) most = 1;
    if (most > MOST_JOBS) most = MOST_JOBS;
    fflush(stdout);
    while (next < count || running) {
        int free_one = 0, status;
        while (free_one < most && jobs[free_one]) free_one++;
        if (free_one < most && next < count) {
            of[free_one] = &together->results[next];
            memset(of[free_one], 0, sizeof *of[free_one]);
            of[free_one]->scenario = -1;
            jobs[free_one] = fork();
            if (jobs[free_one] == 0) {
                alarm(seconds);
                task(next, &together->results[next]);
                fflush(stdout);
                _exit(0);
            }
            next++, running++;
            continue;
        }
        pid_t done = waitpid(-1, &status, 0);
        for (int i = 0; i < most; i++) {
            if (jobs[i] != done) continue;
            if (WIFSIGNALED(status)) of[i]->how = WTERMSIG(status) == SIGALRM ? 3 : 2;
            else if (WEXITSTATUS(status)) of[i]->how = 2;
            jobs[i] = 0, running--;
        }
    }
}

/* ---- the removal table ---- */

struct mutant {
    int site, weak;
};
static mutant mutants[MOST_MUTANTS];
static int mutant_count;

/* What can be taken from each kind of site. Of a read-modify-write: its order (telem.h has but one kind,
   which acquires and releases); that it is one. */
static const int weakenings[][4] = {
    {MODEL_RELAXED}, {MODEL_RELAXED}, {MODEL_RELAXED, MODEL_LOST}, {MODEL_RELAXED, MODEL_LOST}, {MODEL_NO_FENCE}, {MODEL_NO_FENCE},
    {MODEL_NO_FENCE, MODEL_ACQ_REL_FENCE}};
static const char *const kinds[] = {"load acquire", "store release", "cas", "fetch_add", "fence acquire", "fence release", "fence seq_cst"};

static void list_mutants(void) {
    mutant_count = 0;
    for (int k = 0; k < MODEL_SITES; k++)
        for (const int *w = weakenings[together->sites[k].kind]; together->sites[k].line && *w; w++) {
            mutants[mutant_count].site = k;
            mutants[mutant_count++].weak = *w;
        }
}

/* The text of the header by line: what a row of the table cites. */
static std::vector<std::string> header_lines;
static void load_header(void) {
    FILE *f = fopen(model_header, "r");
    char line[1024];
    header_lines.assign(1, "");
    while (f && fgets(line, sizeof line, f)) header_lines.push_back(line);
    if (f) fclose(f);
}
static std::string edges_of(int line) {
    std::string edges;
    if ((size_t)line >= header_lines.size()) return "";
    const std::string &text = header_lines[(size_t)line];
    size_t comment = text.find("/*");
    for (size_t at = comment; at != std::string::npos && at + 1 < text.size(); at++)
        if (strchr("EGJPS", text[at]) && isdigit((unsigned char)text[at + 1]) && !isalnum((unsigned char)text[at - 1])) {
            size_t end = at + 1;
            while (end < text.size() && isdigit((unsigned char)text[end])) end++;
            edges += (edges.empty() ? "" : ",") + text.substr(at, end - at);
        }
    return edges;
}

static const char *spared(const model_site *s, int weak) {
    for (const spare *p = spares; p->function; p++)
        if (strcmp(p->function, s->function) == 0 && p->kind == s->kind && p->weak == weak) return p->why;
    return NULL;
}

/* ---- the tests ---- */

static uint64_t schedules = 5000, schedules_mutant = 32000; /* MODEL_MUTANT */
static unsigned switches;

static bool print_result(int i, const char *how) {
    result *r = &together->results[i];
    static const char *const ends[] = {"", "FAILED", "CRASHED", "HANGS"};
    bool good = !r->how;
    if (!good)
        printf("%s: %s %s after %llu schedules: %s\n    repeat: %s %s %llu %llu\n", scenarios[i].name, ends[r->how], how,
               (unsigned long long)r->schedules, r->what, model_name, scenarios[i].name, (unsigned long long)schedules, (unsigned long long)first_schedule);
    return good;
}

/* Schedules at random, and which atomics they pass. */
static void random_schedules(void) {
    spread(scenario_count, 900, [](int i, result *r) {
        static model_site own[MODEL_SITES];
        model_sites = own;
        (void)try_one(i, rl::random_scheduler_type, schedules, 0, r, NULL);
        for (int k = 0; k < MODEL_SITES; k++) {
            together->reached[i][k] = own[k].hits;
            if (own[k].hits) together->sites[k] = own[k];
        }
    });
}

/* All schedules with so many switches of threads at will. */
static void few_switches(unsigned n, unsigned seconds) {
    switches = n;
    spread(scenario_count, seconds, [](int i, result *r) { (void)try_one(i, rl::fair_context_bound_scheduler_type, 0, switches, r, NULL); });
    for (int i = 0; i < scenario_count; i++) {
        result *r = &together->results[i];
        if (r->how == 3) printf("%-22s not exhausted within %u s at %u switches, no failure until then\n", scenarios[i].name, seconds, n);
        else if (print_result(i, "in all schedules"))
            printf("%-22s all %llu schedules with %u switches hold\n", scenarios[i].name, (unsigned long long)r->schedules, n);
        CHECK(r->how == 0 || r->how == 3);
    }
}

static int current;
TEST(scenario_holds) { CHECK(print_result(current, "at random")); }
TEST(few_switches_hold) { few_switches(1, 60); }

static void print_row(int m) {
    const model_site *s = &together->sites[mutants[m].site];
    const result *r = &together->results[m];
    const char *why = spared(s, mutants[m].weak);
    printf("%-5d %-8s %-26s %-14s %-12s ", s->line, edges_of(s->line).c_str(), s->function + 6, kinds[s->kind], model_weak_names[mutants[m].weak]);
    if (r->how && r->scenario >= 0) printf("%s fails (%s)\n", scenarios[r->scenario].name, r->how == 1 ? r->what : r->how == 2 ? "crash" : "hangs");
    else printf("%s%s\n", why ? "not needed: " : "NOTHING FAILS", why ? why : "");
}
TEST(every_order_is_needed) {
    int found = 0, spare_ones = 0;
    load_header();
    list_mutants();
    if (getenv("MODEL_MUTANT")) schedules_mutant = strtoull(getenv("MODEL_MUTANT"), NULL, 0);
    printf("%-5s %-8s %-26s %-14s %-12s %s\n", "line", "edge", "function", "atomic", "made", "then");
    spread(mutant_count, 600, [](int m, result *r) {
        bool spare_one = spared(&together->sites[mutants[m].site], mutants[m].weak) != NULL;
        try_mutant(mutants[m].site, mutants[m].weak, spare_one ? 500 : schedules_mutant, r); /* one of two lines may fail */
        print_row(m);
    });
    for (int m = 0; m < mutant_count; m++) {
        const result *r = &together->results[m];
        bool spare_one = spared(&together->sites[mutants[m].site], mutants[m].weak) != NULL;
        if (r->how > 1) print_row(m); /* its process did not */
        if (r->how) found++;
        else if (spare_one) spare_ones++;
        else CHECK(!"an order whose removal no scenario finds");
    }
    printf("%d weakenings: %d found, %d not needed, %d unexplained\n", mutant_count, found, spare_ones, mutant_count - found - spare_ones);
}

static int only_one(int argc, char **argv) {
    for (int i = 0; i < scenario_count; i++) {
        if (strcmp(argv[1], scenarios[i].name)) continue;
        result r = {};
        model_trace = getenv("MODEL_TRACE") != NULL;
        if (const char *weak = getenv("MODEL_WEAK")) {
            model_weak_line = atoi(weak), model_weak = MODEL_RELAXED;
            for (int k = 0; strchr(weak, ':') && k < (int)(sizeof model_weak_names / sizeof *model_weak_names); k++)
                if (!strcmp(strchr(weak, ':') + 1, model_weak_names[k])) model_weak = k;
        }
        if (argc > 2) schedules = strtoull(argv[2], NULL, 0);
        if (argc > 3) first_schedule = strtoull(argv[3], NULL, 0);
        bool good = try_one(i, rl::random_scheduler_type, schedules, 0, &r, stdout);
        printf("%s %s, %llu schedules %s\n", scenarios[i].name, good ? "holds" : "FAILS", (unsigned long long)r.schedules, r.what);
        return !good;
    }
    printf("no scenario %s\n", argv[1]);
    return 2;
}

/* The short form of the table: the checker sees what it should. */
static int weakened_is_found(const char *function, int kind) {
    list_mutants();
    for (int m = 0; m < mutant_count; m++) {
        const model_site *s = &together->sites[mutants[m].site];
        if (s->kind != kind || strcmp(s->function, function)) continue;
        mutants[0] = mutants[m];
        spread(1, 60, [](int, result *r) { try_mutant(mutants[0].site, mutants[0].weak, 4000, r); });
        return together->results[0].how == 1;
    }
    return 0;
}

/* What MODEL asks for; short_form: a test for make test. */
static int model_main(int argc, char **argv, void (*short_form)(void)) {
    const char *mode = getenv("MODEL") ? getenv("MODEL") : "";
    bool much = !strcmp(mode, "long"), table = !strcmp(mode, "mutants");
    together = (shared_memory *)mmap(NULL, sizeof *together, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    model_sites = together->sites;
    if (argc > 1) return only_one(argc, argv);
    if (much) schedules = 100000, first_schedule = check_seed() % 1000000000u * 1000000u + 1u;
    random_schedules();
    for (current = 0; current < scenario_count; current++) check_run(scenarios[current].name, test_scenario_holds);
    if (much) RUN(few_switches_hold);
    else if (table) RUN(every_order_is_needed);
    else check_run("weakened_order_is_found", short_form);
    return CHECK_MAIN_END();
}

#endif
