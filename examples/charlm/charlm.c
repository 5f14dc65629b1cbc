/*
 * charlm: trains a small character-level language model on one text file, on
 * one core, and writes it as a Hugging Face style folder. It is the example of
 * a training job: any program that reads its inputs, trains and writes its
 * outputs would do as well, and this one knows nothing of who runs it.
 *
 * The model is the neural probabilistic language model of Bengio, Ducharme,
 * Vincent and Jauvin (JMLR 3, 2003): the last WINDOW characters are looked up
 * in a table of embeddings, joined into one vector x, and
 *
 *	h = tanh(x W + b)	logits = h U + c	p = softmax(logits)
 *
 * predicts the next. A character is a byte. The loss is the mean of -ln p(next
 * character), in nats; its gradient comes from backpropagation, the steps from
 * AdamW (Loshchilov and Hutter, 2019) under a cosine schedule, and dropout
 * (Srivastava et al., 2014) on h keeps a small text from being learnt by heart.
 *
 * Held-out text: the file is cut into blocks of BLOCK bytes and the last of
 * every HOLD_EVERY is never trained on, neither as target nor as context.
 * Nothing is selected by the held-out loss: the last step's model is written.
 *
 * The same text, seed and number of steps give the same bytes on the same
 * machine: one thread, sums in a fixed order, no contraction of a * b + c
 * (-ffp-contract=off), no clock or host name in any output file.
 */

#define _GNU_SOURCE

#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WINDOW = 8,		/* characters the model sees */
	EMBED = 24,		/* numbers per character */
	INPUT = WINDOW * EMBED,
	HIDDEN = 400,
	BATCH = 64,		/* examples per step */
	BLOCK = 256,
	HOLD_EVERY = 10,
	LANES = 16,		/* floats the inner loop takes at once */
	REPORTS = 10,		/* progress lines per run */
	MIN_TEXT = 4 * BLOCK * HOLD_EVERY,
	MAX_TEXT = 64 << 20,
	MAX_STEPS = 10000000,
	MAX_SAMPLE = 1000000,
};

static const char FILE_MODEL[] = "model.safetensors";
static const char FILE_CONFIG[] = "config.json";
static const char FILE_STATE[] = "trainer_state.json";

static const double LEARNING_RATE = 3e-3;
static const double WARMUP = 0.02;	/* share of the steps */
static const double WEIGHT_DECAY = 0.02;
static const double BETA1 = 0.9, BETA2 = 0.99, EPSILON = 1e-8;
static const double DROPOUT = 0.2;
static const double TEMPERATURE = 0.5;

/* The tensors, in the order in which memory and file hold them. */
enum tensor { EMBEDDING, W, B, U, C, NTENSORS };

static const struct {
	const char *name;
	bool bias;
} TENSORS[NTENSORS] = {
	[EMBEDDING] = { "embedding.weight", false }, /* vocabulary x EMBED */
	[W] = { "hidden.weight", false },	/* INPUT x HIDDEN */
	[B] = { "hidden.bias", true },		/* HIDDEN */
	[U] = { "output.weight", false },	/* HIDDEN x vocabulary */
	[C] = { "output.bias", true },		/* vocabulary */
};

/* Where each tensor lies in a flat array: of parameters, gradients, … */
struct layout {
	size_t rows[NTENSORS], cols[NTENSORS];
	size_t start[NTENSORS + 1];	/* the last one: of all parameters */
	size_t vocab;
};

struct text {
	uint8_t *id;		/* [len]: index in the vocabulary */
	size_t len;
	uint8_t byte[256];	/* vocabulary, ascending: id -> byte */
	size_t vocab;
};

struct rng {
	uint64_t state;
};

/* One batch: what goes in, what forward() finds, what backward() needs. */
struct batch {
	size_t n;
	uint8_t context[BATCH][WINDOW];
	uint8_t target[BATCH];
	float mask[BATCH * HIDDEN];	/* dropout: 0 or 1 / (1 - DROPOUT) */
	float x[BATCH * INPUT];
	float act[BATCH * HIDDEN];	/* tanh(x W + b) */
	float h[BATCH * HIDDEN];	/* act times mask */
	float p[BATCH * 256];		/* n x vocab */
	float dx[BATCH * INPUT];
	float dh[BATCH * HIDDEN];
	float turned[INPUT * HIDDEN];	/* room for one transpose */
};

struct record {
	unsigned long step;
	double rate, loss, eval_loss;
};

struct options {
	const char *text, *out;
	uint64_t seed;
	unsigned long steps, sample;
	bool check_gradients;
};

_Noreturn static void die(const char *fmt, ...)
	__attribute__((__format__(__printf__, 1, 2)));

static void
die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("charlm: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void *
allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		die("no memory for %zu items of %zu bytes", n, size);
	return p;
}

/* ---- random numbers ---------------------------------------------------- */

/* splitmix64 (Steele, Lea and Flood, 2014). */
static uint64_t
rng_next(struct rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Uniform in [0, 1). */
static double
rng_unit(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

/* Uniform in [0, n); the bias of n / 2^64 does not matter here. */
static size_t
rng_below(struct rng *r, size_t n)
{
	return (size_t)(rng_next(r) % n);
}

/* ---- text -------------------------------------------------------------- */

/* Reads the file whole; the vocabulary is the bytes that occur in it. */
static struct text
text_read(const char *path)
{
	struct text t = { 0 };
	FILE *f = fopen(path, "rb");
	bool seen[256] = { false };
	uint8_t id[256] = { 0 };

	if (f == NULL)
		die("cannot open text %s: %s", path, strerror(errno));
	t.id = allocate(MAX_TEXT + 1, 1);
	t.len = fread(t.id, 1, MAX_TEXT + 1, f);
	if (ferror(f))
		die("cannot read text %s: %s", path, strerror(errno));
	fclose(f);
	if (t.len < MIN_TEXT)
		die("text %s is too small: %zu bytes, need at least %d", path,
		    t.len, MIN_TEXT);
	if (t.len > MAX_TEXT)
		die("text %s is too large: more than %d bytes", path, MAX_TEXT);
	for (size_t i = 0; i < t.len; i++)
		seen[t.id[i]] = true;
	for (size_t c = 0; c < 256; c++) {
		if (!seen[c])
			continue;
		id[c] = (uint8_t)t.vocab;
		t.byte[t.vocab++] = (uint8_t)c;
	}
	for (size_t i = 0; i < t.len; i++)
		t.id[i] = id[t.id[i]];
	return t;
}

/* Entropy of single characters, nats: the loss of knowing their counts only. */
static double
text_entropy(const struct text *t)
{
	size_t count[256] = { 0 };
	double sum = 0;

	for (size_t i = 0; i < t->len; i++)
		count[t->id[i]]++;
	for (size_t c = 0; c < t->vocab; c++) {
		double p = (double)count[c] / (double)t->len;

		sum -= p * log(p);
	}
	return sum;
}

static bool
held_out(size_t pos)
{
	return pos / BLOCK % HOLD_EVERY == HOLD_EVERY - 1;
}

/*
 * Lists the positions to predict: of the held-out blocks (training = false), or
 * those whose whole window and target lie in training blocks.
 */
static size_t *
text_positions(const struct text *t, bool training, size_t *n)
{
	size_t *pos = allocate(t->len, sizeof(*pos));

	*n = 0;
	for (size_t i = WINDOW; i < t->len; i++) {
		bool unseen = held_out(i);

		if (training ? !unseen && !held_out(i - WINDOW) : unseen)
			pos[(*n)++] = i;
	}
	return pos;
}

/* ---- model ------------------------------------------------------------- */

static struct layout
layout_of(size_t vocab)
{
	struct layout l = {
		.rows = { vocab, INPUT, 1, HIDDEN, 1 },
		.cols = { EMBED, HIDDEN, HIDDEN, vocab, vocab },
		.vocab = vocab,
	};

	for (size_t i = 0; i < NTENSORS; i++)
		l.start[i + 1] = l.start[i] + l.rows[i] * l.cols[i];
	return l;
}

static size_t
layout_size(const struct layout *l)
{
	return l->start[NTENSORS];
}

/* Uniform weights of variance 1 / inputs (embeddings: 1), biases zero. */
static void
initialise(const struct layout *l, float *param, struct rng *r)
{
	for (size_t i = 0; i < NTENSORS; i++) {
		double fan_in = i == EMBEDDING ? 1 : (double)l->rows[i];
		double bound = TENSORS[i].bias ? 0 : sqrt(3 / fan_in);

		for (size_t j = l->start[i]; j < l->start[i + 1]; j++)
			param[j] = (float)(bound * (2 * rng_unit(r) - 1));
	}
}

/*
 * out[rows][cols] += a[rows][inner] * b[inner][cols]. Every sum runs over
 * inner in ascending order; the loop of fixed length is what a compiler turns
 * into vector instructions without being allowed to reorder anything.
 */
static void
multiply_add(float *restrict out, const float *restrict a,
    const float *restrict b, size_t rows, size_t inner, size_t cols)
{
	size_t whole = cols - cols % LANES;

	for (size_t r = 0; r < rows; r++) {
		float *restrict o = out + r * cols;

		for (size_t k = 0; k < inner; k++) {
			const float *restrict w = b + k * cols;
			float v = a[r * inner + k];

			for (size_t c = 0; c < whole; c += LANES)
				for (size_t i = 0; i < LANES; i++)
					o[c + i] += v * w[c + i];
			for (size_t c = whole; c < cols; c++)
				o[c] += v * w[c];
		}
	}
}

/* out[cols][rows] = a[rows][cols] */
static void
transpose(float *restrict out, const float *restrict a, size_t rows,
    size_t cols)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < cols; c++)
			out[c * rows + r] = a[r * cols + c];
}

/* Fills rows with copies of one row. */
static void
spread(float *out, const float *row, size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++)
		memcpy(out + r * cols, row, cols * sizeof(*out));
}

/* out[cols] += sum over rows of a[rows][cols] */
static void
add_rows(float *out, const float *a, size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < cols; c++)
			out[c] += a[r * cols + c];
}

static void
softmax(float *row, size_t n)
{
	float max = row[0], sum = 0;

	for (size_t i = 1; i < n; i++)
		max = row[i] > max ? row[i] : max;
	for (size_t i = 0; i < n; i++)
		sum += row[i] = expf(row[i] - max);
	for (size_t i = 0; i < n; i++)
		row[i] /= sum;
}

static void
batch_add(struct batch *b, const uint8_t *next)
{
	memcpy(b->context[b->n], next - WINDOW, WINDOW);
	b->target[b->n++] = *next;
}

static void
mask_none(struct batch *b)
{
	for (size_t i = 0; i < BATCH * HIDDEN; i++)
		b->mask[i] = 1;
}

static void
mask_draw(struct batch *b, struct rng *r)
{
	for (size_t i = 0; i < BATCH * HIDDEN; i++)
		b->mask[i] = rng_unit(r) < DROPOUT ?
		    0 : (float)(1 / (1 - DROPOUT));
}

/* Finds b->p, the probabilities of each next character. */
static void
forward(const struct layout *l, const float *param, struct batch *b)
{
	const float *embedding = param + l->start[EMBEDDING];

	for (size_t i = 0; i < b->n; i++)
		for (size_t w = 0; w < WINDOW; w++)
			memcpy(b->x + i * INPUT + w * EMBED,
			    embedding + b->context[i][w] * EMBED,
			    EMBED * sizeof(*b->x));

	spread(b->act, param + l->start[B], b->n, HIDDEN);
	multiply_add(b->act, b->x, param + l->start[W], b->n, INPUT, HIDDEN);
	for (size_t i = 0; i < b->n * HIDDEN; i++) {
		b->act[i] = tanhf(b->act[i]);
		b->h[i] = b->act[i] * b->mask[i];
	}

	spread(b->p, param + l->start[C], b->n, l->vocab);
	multiply_add(b->p, b->h, param + l->start[U], b->n, HIDDEN, l->vocab);
	for (size_t i = 0; i < b->n; i++)
		softmax(b->p + i * l->vocab, l->vocab);
}

/* Sum over the batch of -ln p(target). */
static double
loss_sum(const struct layout *l, const struct batch *b)
{
	double sum = 0;

	for (size_t i = 0; i < b->n; i++)
		sum -= log((double)b->p[i * l->vocab + b->target[i]]);
	return sum;
}

/*
 * Sets grad to the gradient of the batch's mean loss. forward() has run; b->p
 * becomes the gradient of the logits, p - [c is the target].
 */
static void
backward(const struct layout *l, const float *param, float *grad,
    struct batch *b)
{
	float *dlogits = b->p;
	float *dembedding = grad + l->start[EMBEDDING];

	memset(grad, 0, layout_size(l) * sizeof(*grad));
	memset(b->dh, 0, sizeof(b->dh));
	memset(b->dx, 0, sizeof(b->dx));

	for (size_t i = 0; i < b->n; i++)
		dlogits[i * l->vocab + b->target[i]] -= 1;
	for (size_t i = 0; i < b->n * l->vocab; i++)
		dlogits[i] /= (float)b->n;

	/* logits = h U + c */
	add_rows(grad + l->start[C], dlogits, b->n, l->vocab);
	transpose(b->turned, b->h, b->n, HIDDEN);
	multiply_add(grad + l->start[U], b->turned, dlogits, HIDDEN, b->n,
	    l->vocab);
	transpose(b->turned, param + l->start[U], HIDDEN, l->vocab);
	multiply_add(b->dh, dlogits, b->turned, b->n, l->vocab, HIDDEN);

	/* h = mask * tanh(x W + b) */
	for (size_t i = 0; i < b->n * HIDDEN; i++)
		b->dh[i] *= b->mask[i] * (1 - b->act[i] * b->act[i]);
	add_rows(grad + l->start[B], b->dh, b->n, HIDDEN);
	transpose(b->turned, b->x, b->n, INPUT);
	multiply_add(grad + l->start[W], b->turned, b->dh, INPUT, b->n, HIDDEN);
	transpose(b->turned, param + l->start[W], INPUT, HIDDEN);
	multiply_add(b->dx, b->dh, b->turned, b->n, HIDDEN, INPUT);

	/* x = the embeddings of the window */
	for (size_t i = 0; i < b->n; i++)
		for (size_t w = 0; w < WINDOW; w++)
			add_rows(dembedding + b->context[i][w] * EMBED,
			    b->dx + i * INPUT + w * EMBED, 1, EMBED);
}

/* ---- training ---------------------------------------------------------- */

/* Mean loss at the given positions, without dropout. */
static double
evaluate(const struct layout *l, const float *param, struct batch *b,
    const struct text *t, const size_t *pos, size_t npos)
{
	double sum = 0;

	mask_none(b);
	for (size_t i = 0; i < npos; ) {
		b->n = 0;
		while (b->n < BATCH && i < npos)
			batch_add(b, t->id + pos[i++]);
		forward(l, param, b);
		sum += loss_sum(l, b);
	}
	return sum / (double)npos;
}

/* Rises over the first steps, then falls to zero along half a cosine. */
static double
learning_rate(unsigned long step, unsigned long steps)
{
	double done = ((double)step - 0.5) / (double)steps;

	if (done < WARMUP)
		return LEARNING_RATE * done / WARMUP;
	return LEARNING_RATE * 0.5 *
	    (1 + cos(acos(-1) * (done - WARMUP) / (1 - WARMUP)));
}

/* One step of AdamW; mean and square are its two running averages. */
static void
adamw(const struct layout *l, float *param, const float *grad, float *mean,
    float *square, unsigned long step, double rate)
{
	float b1 = (float)BETA1, b2 = (float)BETA2;
	float scale = (float)(rate / (1 - pow(BETA1, (double)step)));
	float unbias = (float)(1 / (1 - pow(BETA2, (double)step)));

	for (size_t i = 0; i < NTENSORS; i++) {
		float keep = TENSORS[i].bias ? 1 :
		    (float)(1 - rate * WEIGHT_DECAY);

		for (size_t j = l->start[i]; j < l->start[i + 1]; j++) {
			float g = grad[j];

			mean[j] = b1 * mean[j] + (1 - b1) * g;
			square[j] = b2 * square[j] + (1 - b2) * g * g;
			param[j] = keep * param[j] - scale * mean[j] /
			    (sqrtf(square[j] * unbias) + (float)EPSILON);
		}
	}
}

/*
 * Trains in place and fills records[REPORTS]; returns how many it filled. A
 * batch is drawn from the training positions with replacement.
 */
static size_t
train(const struct layout *l, float *param, struct batch *b,
    const struct text *t, struct rng *r, unsigned long steps,
    struct record *records)
{
	size_t n = layout_size(l), ntrain, nheld, nrecords = 0;
	size_t *trained = text_positions(t, true, &ntrain);
	size_t *held = text_positions(t, false, &nheld);
	float *grad = allocate(n, sizeof(*grad));
	float *mean = allocate(n, sizeof(*mean));
	float *square = allocate(n, sizeof(*square));
	unsigned long since = 0, every = (steps + REPORTS - 1) / REPORTS;
	clock_t begun = clock();
	double loss = 0;

	printf("trained on       %zu characters, held out %zu: every "
	    "%dth block of %d\n", ntrain, nheld, HOLD_EVERY, BLOCK);
	printf("%10s %12s %14s %12s\n", "step", "train loss", "held-out loss",
	    "chars/s");
	for (unsigned long step = 1; step <= steps; step++) {
		double rate = learning_rate(step, steps), seconds;
		struct record *now = &records[nrecords];

		b->n = 0;
		while (b->n < BATCH)
			batch_add(b, t->id + trained[rng_below(r, ntrain)]);
		mask_draw(b, r);
		forward(l, param, b);
		loss += loss_sum(l, b);
		backward(l, param, grad, b);
		adamw(l, param, grad, mean, square, step, rate);
		since++;
		if (step % every != 0 && step != steps)
			continue;

		seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
		*now = (struct record){
			.step = step,
			.rate = rate,
			.loss = loss / (double)(since * BATCH),
			.eval_loss = evaluate(l, param, b, t, held, nheld),
		};
		nrecords++;
		if (!isfinite(now->loss) || !isfinite(now->eval_loss))
			die("training diverged before step %lu", step);
		printf("%10lu %12.4f %14.4f %12.0f\n", step, now->loss,
		    now->eval_loss, (double)(since * BATCH) /
		    (seconds > 0 ? seconds : 1.0 / CLOCKS_PER_SEC));
		fflush(stdout);
		since = 0;
		loss = 0;
		begun = clock();
	}
	free(square);
	free(mean);
	free(grad);
	free(held);
	free(trained);
	return nrecords;
}

/* Draws from p^(1 / TEMPERATURE), normalised. */
static size_t
draw(const float *p, size_t n, struct rng *r)
{
	double weight[256], sum = 0, left;

	for (size_t i = 0; i < n; i++)
		sum += weight[i] = pow((double)p[i], 1 / TEMPERATURE);
	left = rng_unit(r) * sum;
	for (size_t i = 0; i + 1 < n; i++) {
		if (left < weight[i])
			return i;
		left -= weight[i];
	}
	return n - 1;
}

/*
 * Prints n characters that the model makes up, begun with the window before
 * the first held-out block. Only printable ASCII reaches the terminal as it is.
 */
static void
print_sample(const struct layout *l, const float *param, struct batch *b,
    const struct text *t, struct rng *r, unsigned long n)
{
	uint8_t *window = b->context[0];

	printf("\nsample at temperature %.1f:\n", TEMPERATURE);
	mask_none(b);
	b->n = 1;
	memcpy(window, t->id + BLOCK * (HOLD_EVERY - 1) - WINDOW, WINDOW);
	for (unsigned long i = 0; i < n; i++) {
		size_t next;
		uint8_t c;

		forward(l, param, b);
		next = draw(b->p, l->vocab, r);
		c = t->byte[next];
		putchar(c == '\n' || (c >= ' ' && c <= '~') ? c : '?');
		memmove(window, window + 1, WINDOW - 1);
		window[WINDOW - 1] = (uint8_t)next;
	}
	putchar('\n');
}

/* ---- checking the gradients -------------------------------------------- */

/*
 * The mean loss once more, from the formulas and in double precision: shares
 * nothing with forward() but the layout and the masks.
 */
static double
reference_loss(const struct layout *l, const double *param,
    const struct batch *b)
{
	const double *embedding = param + l->start[EMBEDDING];
	const double *w = param + l->start[W], *u = param + l->start[U];
	double loss = 0;

	for (size_t i = 0; i < b->n; i++) {
		double h[HIDDEN], logits[256], sum = 0;

		for (size_t k = 0; k < HIDDEN; k++)
			h[k] = param[l->start[B] + k];
		for (size_t j = 0; j < INPUT; j++) {
			size_t c = b->context[i][j / EMBED];
			double x = embedding[c * EMBED + j % EMBED];

			for (size_t k = 0; k < HIDDEN; k++)
				h[k] += x * w[j * HIDDEN + k];
		}
		for (size_t v = 0; v < l->vocab; v++)
			logits[v] = param[l->start[C] + v];
		for (size_t k = 0; k < HIDDEN; k++) {
			double y = tanh(h[k]) * (double)b->mask[i * HIDDEN + k];

			for (size_t v = 0; v < l->vocab; v++)
				logits[v] += y * u[k * l->vocab + v];
		}
		for (size_t v = 0; v < l->vocab; v++)
			sum += exp(logits[v]);
		loss += log(sum) - logits[b->target[i]];
	}
	return loss / (double)b->n;
}

/*
 * Compares backward() with central differences of reference_loss(), tensor by
 * tensor, on a random batch with dropout: in every entry of a small tensor, in
 * SAMPLES random ones of a large one. The error is |backprop - difference|
 * over |difference|, as vectors. Returns whether all are within the bound.
 */
static bool
check_gradients(uint64_t seed)
{
	enum { VOCAB = 13, EXAMPLES = 5, SAMPLES = 200 };
	const double bound = 1e-4, step = 1e-5;
	struct layout l = layout_of(VOCAB);
	size_t n = layout_size(&l);
	float *param = allocate(n, sizeof(*param));
	float *grad = allocate(n, sizeof(*grad));
	double *wide = allocate(n, sizeof(*wide));
	struct batch *b = allocate(1, sizeof(*b));
	struct rng r = { seed };
	double reference, error;
	bool good;

	initialise(&l, param, &r);
	for (size_t i = 0; i < n; i++) {
		/* biases too, lest zeros hide a mistake */
		param[i] += (float)(0.1 * (rng_unit(&r) - 0.5));
		wide[i] = (double)param[i];
	}
	while (b->n < EXAMPLES) {
		uint8_t chars[WINDOW + 1];

		for (size_t i = 0; i <= WINDOW; i++)
			chars[i] = (uint8_t)rng_below(&r, VOCAB);
		batch_add(b, chars + WINDOW);
	}
	mask_draw(b, &r);

	forward(&l, param, b);
	reference = reference_loss(&l, wide, b);
	error = fabs(loss_sum(&l, b) / EXAMPLES - reference) / reference;
	good = error <= bound;
	printf("%-18s %8s %15s\n", "", "entries", "relative error");
	printf("%-18s %8d %15.2e\n", "loss", EXAMPLES, error);

	backward(&l, param, grad, b);
	for (size_t i = 0; i < NTENSORS; i++) {
		size_t len = l.start[i + 1] - l.start[i];
		size_t count = len < SAMPLES ? len : SAMPLES;
		double apart = 0, norm = 0;

		for (size_t j = 0; j < count; j++) {
			size_t at = l.start[i] +
			    (count == len ? j : rng_below(&r, len));
			double up, down, slope;

			wide[at] = (double)param[at] + step;
			up = reference_loss(&l, wide, b);
			wide[at] = (double)param[at] - step;
			down = reference_loss(&l, wide, b);
			wide[at] = (double)param[at];
			slope = (up - down) / (2 * step);
			apart += pow((double)grad[at] - slope, 2);
			norm += slope * slope;
		}
		error = sqrt(apart / norm);
		good = good && error <= bound;	/* not a number: no */
		printf("%-18s %8zu %15.2e\n", TENSORS[i].name, count, error);
	}
	printf("gradients %s: the bound is %.0e\n", good ? "agree" : "DIFFER",
	    bound);
	free(b);
	free(wide);
	free(grad);
	free(param);
	return good;
}

/* ---- output files ------------------------------------------------------ */

/* Makes the directory unless it is there, and sees that it can be written. */
static void
prepare_dir(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0777) != 0 && errno != EEXIST)
		die("cannot create directory %s: %s", dir, strerror(errno));
	if (stat(dir, &st) != 0)
		die("cannot use directory %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		die("cannot write to %s: not a directory", dir);
	if (access(dir, W_OK | X_OK) != 0)
		die("cannot write to directory %s: %s", dir, strerror(errno));
}

static FILE *
create(const char *dir, const char *name)
{
	size_t size = strlen(dir) + strlen(name) + 2;
	char *path = allocate(size, 1);
	FILE *f;

	snprintf(path, size, "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (f == NULL)
		die("cannot create %s: %s", path, strerror(errno));
	free(path);
	return f;
}

static void
finish(FILE *f, const char *dir, const char *name)
{
	bool failed = ferror(f) != 0;

	if (fclose(f) != 0 || failed)
		die("cannot write %s/%s: %s", dir, name, strerror(errno));
}

/* Writes x in n bytes, the lowest first. */
static void
put_little_endian(FILE *f, uint64_t x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fputc((int)(x >> 8 * i & 0xff), f);
}

/*
 * The safetensors format: the header's length in 8 bytes, the header (JSON,
 * padded with spaces to a multiple of 8), then the numbers without gaps.
 */
static void
write_model(const char *dir, const struct layout *l, const float *param)
{
	FILE *f = create(dir, FILE_MODEL);
	char header[2048];	/* the five tensors take a quarter of it */
	int len = snprintf(header, sizeof(header),
	    "{\"__metadata__\":{\"format\":\"pt\"}");

	for (size_t i = 0; i < NTENSORS; i++) {
		char shape[64];

		if (TENSORS[i].bias)
			snprintf(shape, sizeof(shape), "%zu", l->cols[i]);
		else
			snprintf(shape, sizeof(shape), "%zu,%zu", l->rows[i],
			    l->cols[i]);
		len += snprintf(header + len, sizeof(header) - (size_t)len,
		    ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],"
		    "\"data_offsets\":[%zu,%zu]}", TENSORS[i].name, shape,
		    4 * l->start[i], 4 * l->start[i + 1]);
	}
	header[len++] = '}';
	while (len % 8 != 0)
		header[len++] = ' ';

	put_little_endian(f, (uint64_t)len, 8);
	fwrite(header, 1, (size_t)len, f);
	for (size_t i = 0; i < layout_size(l); i++) {
		uint32_t bits;

		memcpy(&bits, &param[i], sizeof(bits));
		put_little_endian(f, bits, 4);
	}
	finish(f, dir, FILE_MODEL);
}

static void
write_config(const char *dir, const struct layout *l, const struct text *t,
    const struct options *o)
{
	FILE *f = create(dir, FILE_CONFIG);

	fprintf(f, "{\n"
	    "  \"architectures\": [\"CharLM\"],\n"
	    "  \"model_type\": \"charlm\",\n"
	    "  \"torch_dtype\": \"float32\",\n"
	    "  \"weight_shape\": \"inputs, outputs\",\n"
	    "  \"window_size\": %d,\n"
	    "  \"embedding_size\": %d,\n"
	    "  \"hidden_size\": %d,\n"
	    "  \"hidden_act\": \"tanh\",\n"
	    "  \"dropout\": %.2f,\n"
	    "  \"num_parameters\": %zu,\n"
	    "  \"seed\": %" PRIu64 ",\n"
	    "  \"vocab_size\": %zu,\n"
	    "  \"vocab_unit\": \"byte\",\n"
	    "  \"vocab\": [", WINDOW, EMBED, HIDDEN, DROPOUT, layout_size(l),
	    o->seed, l->vocab);
	for (size_t i = 0; i < l->vocab; i++)
		fprintf(f, "%s%d", i == 0 ? "" : ", ", t->byte[i]);
	fputs("]\n}\n", f);
	finish(f, dir, FILE_CONFIG);
}

/*
 * trainer_state.json as the Hugging Face Trainer names things. One predicted
 * character counts as one token; total_flos is 6 * parameters * tokens, the
 * usual estimate (a multiplication and an addition per parameter, once forward
 * and twice backward).
 */
static void
write_state(const char *dir, const struct layout *l, const struct text *t,
    const struct options *o, const struct record *records, size_t nrecords)
{
	FILE *f = create(dir, FILE_STATE);
	uint64_t tokens = (uint64_t)o->steps * BATCH;
	size_t ntrain;

	free(text_positions(t, true, &ntrain));
	fprintf(f, "{\n"
	    "  \"epoch\": %.6f,\n"
	    "  \"global_step\": %lu,\n"
	    "  \"max_steps\": %lu,\n"
	    "  \"train_batch_size\": %d,\n"
	    "  \"num_input_tokens_seen\": %" PRIu64 ",\n"
	    "  \"total_flos\": %" PRIu64 ",\n"
	    "  \"log_history\": [\n", (double)tokens / (double)ntrain,
	    o->steps, o->steps, BATCH, tokens,
	    UINT64_C(6) * layout_size(l) * tokens);
	for (size_t i = 0; i < nrecords; i++)
		fprintf(f, "    { \"step\": %lu, \"epoch\": %.6f, "
		    "\"learning_rate\": %.9f, \"loss\": %.6f, "
		    "\"eval_loss\": %.6f }%s\n", records[i].step,
		    (double)records[i].step * BATCH / (double)ntrain,
		    records[i].rate, records[i].loss, records[i].eval_loss,
		    i + 1 < nrecords ? "," : "");
	fputs("  ]\n}\n", f);
	finish(f, dir, FILE_STATE);
}

/* Whether all that was printed has arrived; says so if not. */
static bool
stdout_written(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	fputs("charlm: cannot write to standard output\n", stderr);
	return false;
}

/* ---- command line ------------------------------------------------------ */

static void
usage(FILE *f)
{
	fputs("usage: charlm --text FILE --out DIR [--seed N] [--steps N] "
	    "[--sample N]\n"
	    "       charlm --check-gradients [--seed N]\n"
	    "\n"
	    "Trains a small character-level language model on FILE and writes\n"
	    "model.safetensors, config.json and trainer_state.json to DIR.\n"
	    "\n"
	    "  --text FILE        the text to learn\n"
	    "  --out DIR          where to write; made if it is not there\n"
	    "  --seed N           same seed, same bytes (default 42)\n"
	    "  --steps N          batches to train on (default 2000)\n"
	    "  --sample N         characters to generate (default 300)\n"
	    "  --check-gradients  compare backpropagation with finite\n"
	    "                     differences; fails if they differ\n"
	    "  --help             this text\n", f);
}

static uint64_t
number(const char *name, const char *s, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long x;

	errno = 0;
	x = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end != '\0' || errno != 0 || x < min ||
	    x > max)
		die("--%s wants a number from %" PRIu64 " to %" PRIu64
		    ", not \"%s\"", name, min, max, s);
	return x;
}

static struct options
parse(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "text", required_argument, NULL, 't' },
		{ "out", required_argument, NULL, 'o' },
		{ "seed", required_argument, NULL, 's' },
		{ "steps", required_argument, NULL, 'n' },
		{ "sample", required_argument, NULL, 'c' },
		{ "check-gradients", no_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .seed = 42, .steps = 2000, .sample = 300 };
	int c;

	while ((c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		switch (c) {
		case 't':
			o.text = optarg;
			break;
		case 'o':
			o.out = optarg;
			break;
		case 's':	/* what every JSON reader can hold */
			o.seed = number("seed", optarg, 0,
			    (UINT64_C(1) << 53) - 1);
			break;
		case 'n':
			o.steps = (unsigned long)number("steps", optarg, 1,
			    MAX_STEPS);
			break;
		case 'c':
			o.sample = (unsigned long)number("sample", optarg, 0,
			    MAX_SAMPLE);
			break;
		case 'g':
			o.check_gradients = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc)
		die("unexpected argument \"%s\"; see --help", argv[optind]);
	if (!o.check_gradients && (o.text == NULL || o.out == NULL))
		die("--text FILE and --out DIR are needed; see --help");
	return o;
}

int
main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	struct record records[REPORTS];
	struct rng r = { o.seed };
	struct text t;
	struct layout l;
	struct batch *b;
	float *param;
	double entropy, loss;
	size_t n;

	if (o.check_gradients)
		return check_gradients(o.seed) && stdout_written() ? 0 : 1;

	t = text_read(o.text);
	prepare_dir(o.out);
	l = layout_of(t.vocab);
	param = allocate(layout_size(&l), sizeof(*param));
	b = allocate(1, sizeof(*b));
	printf("text             %zu characters, %zu different\n", t.len,
	    t.vocab);
	printf("parameters       %zu\n", layout_size(&l));
	printf("seed             %" PRIu64 "\n", o.seed);

	initialise(&l, param, &r);
	n = train(&l, param, b, &t, &r, o.steps, records);
	write_model(o.out, &l, param);
	write_config(o.out, &l, &t, &o);
	write_state(o.out, &l, &t, &o, records, n);

	entropy = text_entropy(&t);
	loss = records[n - 1].eval_loss;
	printf("\nunigram entropy  %.4f nats/char\n", entropy);
	printf("held-out loss    %.4f nats/char\n", loss);
	printf("difference       %.4f nats/char\n", entropy - loss);
	print_sample(&l, param, b, &t, &r, o.sample);

	free(b);
	free(param);
	free(t.id);
	return stdout_written() ? 0 : 1;
}
