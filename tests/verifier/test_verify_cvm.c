/*
 * Steps 8 and 9 of confidential VMs: HCL reports, SNP reports and AMD's chain,
 * TDX quotes, and which roots a policy asks for.
 */
#include "tests/verifier/rows.h"

#define LOGGED "log @log\nlog-time @time\nquorum none\nbuilder test @builder\n"
#define CA "ak-root @root sim simulated unmeasured-boot\n"
#define OTHER_CA "ak-root azure-2023 azure\n"
#define AMD "ak-root @ark amd snp id-key @idkey\n"
#define CONFIDENTIAL "require confidential\n"

#define REPORT .policy = LOGGED CA AMD, .step = VERIFY_AK_CHAIN,              \
	.status = VERIFY_FAILED
#define REFUSED .step = VERIFY_AK_CHAIN, .status = VERIFY_NOT_ACCEPTED
#define RIGHT .step = VERIFY_AK_CHAIN, .status = VERIFY_OK
/* Where no line may waive the boot: everything before it is right. */
#define ACCEPTED .step = VERIFY_BOOT, .status = VERIFY_NOT_ACCEPTED


/* A machine with SNP, and one thing changed; likewise with TDX. */
#define SNP(name, statement)                                                  \
	HOOK(name, fixture_with_snp(f); statement)
#define TDX(name, statement)                                                  \
	HOOK(name, fixture_with_tdx(f); statement)
/* The same, changed after it was made. */
#define SNP_MADE(name, statement)                                             \
	static void name(struct fixture *f)                                   \
	{                                                                     \
		if (f->stage == FIXTURE_SETUP)                                \
			fixture_with_snp(f);                                  \
		if (f->stage == FIXTURE_EVIDENCE) {                           \
			statement;                                            \
		}                                                             \
	}                                                                     \
	static fixture_hook name

/* Extension i of the VCEK: product, bootloader, TEE, SNP, microcode, chip. */
#define VCEK(i) f->cvm.cert[0].extension[i].value
#define CLAIM(a, b) (f->cvm.from = (a), f->cvm.to = (b))

SNP(version_2, f->cvm.version = 2);
SNP(version_5, f->cvm.version = 5);
SNP(version_1, f->cvm.version = 1);
SNP(version_6, f->cvm.version = 6);
SNP(reserved_head, f->cvm.reserved = 0x4c);
SNP(reserved_middle, f->cvm.reserved = 0x19f);
SNP(reserved_end, f->cvm.reserved = 0x29f);
SNP(algorithm, f->cvm.algorithm = 2);
SNP(by_vlek, f->cvm.signer = 1 << 2);
SNP(masked, f->cvm.signer = 1 << 1);
SNP(signer_reserved, f->cvm.signer = 1 << 5);
SNP(author_key, f->cvm.signer = 1);
SNP(vmpl_1, f->cvm.vmpl = 1);
SNP(vmpl_2, f->cvm.vmpl = 2);
SNP(debug, f->cvm.policy |= 1 << 19);
SNP(no_one_bit, f->cvm.policy &= ~(1u << 17));
SNP(migrate, f->cvm.policy |= 1 << 18);
SNP(other_chip, f->cvm.chip[63] ^= 1);
SNP(other_bootloader, VCEK(1) = "DER:020103");
SNP(other_tee, VCEK(2) = "DER:020101");
SNP(other_snp, VCEK(3) = "DER:020117");
SNP(other_microcode, VCEK(4) = "DER:020200dc");
SNP(odd_microcode, VCEK(4) = "DER:0201db");
SNP(no_chip, f->cvm.cert[0].extension[5].name = NULL);
SNP(naples, VCEK(0) = "DER:16084e61706c65732d42");
SNP(no_product, (f->cvm.cert[0].extension[0].name = "basicConstraints",
    VCEK(0) = "CA:FALSE"));
SNP(other_key, f->cvm.key = f->keys->ec384_ak);
SNP(ask_other, f->cvm.cert[0].issuer_key = f->keys->ark);
SNP(ark_other, f->cvm.cert[1].issuer_key = f->keys->ask);
SNP(vcek_expired, f->cvm.cert[0].not_after_s = FIXTURE_TIME - 1);
SNP(ask_later, f->cvm.cert[1].not_before_s = FIXTURE_TIME + 1);
SNP(ask_sha1, f->cvm.cert[1].md = EVP_sha1());
SNP(vcek_rsassa, f->cvm.cert[0].pss = false);
SNP(ask_no_ca, f->cvm.cert[1].extension[0].value = "critical,CA:FALSE");
SNP(signed_twice, f->cvm.twice = true);
SNP(claims_other, f->cvm.claims_bit = 1);
SNP(names_other, f->cvm.named = f->keys->other_ak);
SNP(ak_encrypts, CLAIM("\"key_ops\":[\"sign\"]", "\"key_ops\":[\"encrypt\"]"));
SNP(ak_not_rsa, CLAIM("\"kty\":\"RSA\"", "\"kty\":\"EC\""));
SNP(ak_exponent, CLAIM("\"e\":\"AQAB\"", "\"e\":\"Aw\""));
SNP(no_ak, CLAIM("HCLAkPub", "HCLAkPuc"));
SNP(two_aks, CLAIM("\"keys\":[", "\"keys\":[{\"kid\":\"HCLAkPub\"},"));
SNP(kid_twice, CLAIM("\"kid\":\"HCLAkPub\"",
    "\"kid\":\"HCLEkPub\",\"kid\":\"HCLAkPub\""));
SNP(claims_cut, CLAIM("\"user-data\":\"00\"}", "\"user-data\":\"00\""));
SNP(claims_more, CLAIM("\"user-data\"", "\"new\":{\"a\":[1]},\"user-data\""));

static void
turin(struct fixture *f)
{
	static const uint8_t tcb[8] = { 1, 2, 3, 4, 0, 0, 0, 5 };

	fixture_with_snp(f);
	memcpy(f->cvm.tcb, tcb, sizeof(tcb));
	memset(f->cvm.chip + 8, 0, 56);
	VCEK(0) = "DER:1608547572696e2d4231";
	VCEK(1) = "DER:020102";
	VCEK(2) = "DER:020103";
	VCEK(3) = "DER:020104";
	VCEK(4) = "DER:020105";
	VCEK(5) = "DER:c1c1c1c1c1c1c1c1";
	f->cvm.cert[0].extension[6] = (struct fixture_extension){
		"1.3.6.1.4.1.3704.1.3.9", "DER:020101" };
}

HOOK(turin_fmc, turin(f); f->cvm.tcb[0] = 2);
HOOK(turin_chip, turin(f); f->cvm.chip[63] = 1);
TDX(td_claims_other, f->cvm.claims_bit = 1);
TDX(td_quote_other, f->cvm.quote_bit = 1);
TDX(td_names_other, f->cvm.named = f->keys->other_ak);

#define HCL(at) f->ev.hcl.p[at]
SNP_MADE(hcl_magic, HCL(0) ^= 1);
SNP_MADE(hcl_version, HCL(4) = 3);
SNP_MADE(hcl_size, HCL(8) ^= 1);
SNP_MADE(hcl_request, HCL(12) = 1);
SNP_MADE(hcl_status, HCL(16) = 1);
SNP_MADE(hcl_reserved, HCL(31) = 1);
SNP_MADE(hcl_kind, HCL(32 + 1184 + 8) = 3);
SNP_MADE(hcl_hash, HCL(32 + 1184 + 12) = 2);
SNP_MADE(hcl_length, HCL(32 + 1184 + 17) ^= 0x40);
SNP_MADE(hcl_padding, HCL(f->ev.hcl.len - 1) = 1);
SNP_MADE(hcl_cut, f->ev.hcl.len = 1200);
SNP_MADE(hcl_absent, buf_free(&f->ev.hcl));
SNP_MADE(snp_absent, buf_free(&f->ev.snp));
SNP_MADE(snp_cut, f->ev.snp.len--);

/* Both copies of the report, which the HCL report holds at 32. */
#define BOTH(at) HCL(32 + (at)) ^= 1, f->ev.snp.p[at] ^= 1
SNP_MADE(signature_bit, BOTH(0x2a0));
SNP_MADE(signature_beyond, BOTH(0x2a0 + 71));
SNP_MADE(signed_bit, BOTH(0x90));
SNP_MADE(after_signature, BOTH(1183));

static void
swap(struct fixture *f, size_t a, size_t b)
{
	struct buf c = f->ev.snp_chain[a];

	f->ev.snp_chain[a] = f->ev.snp_chain[b];
	f->ev.snp_chain[b] = c;
}

SNP_MADE(ask_last, swap(f, 1, 2));
SNP_MADE(vcek_second, swap(f, 0, 1));

static void
td_made(struct fixture *f, size_t at, uint8_t value)
{
	if (f->stage == FIXTURE_SETUP)
		fixture_with_tdx(f);
	if (f->stage == FIXTURE_EVIDENCE && at == 0)
		buf_free(&f->ev.hcl);
	else if (f->stage == FIXTURE_EVIDENCE)
		f->ev.tdx.p[at - 1] = value;
}

HOOK(td_version, td_made(f, 1, 3));
HOOK(td_sgx, td_made(f, 5, 0));
HOOK(td_alone, td_made(f, 0, 0));

/* A TDX quote beside a report that is SNP's. */
static void
td_of_snp(struct fixture *f)
{
	static const uint8_t quote[640] = { 4, 0, 2, 0, 0x81 };

	if (f->stage == FIXTURE_SETUP)
		fixture_with_snp(f);
	if (f->stage == FIXTURE_EVIDENCE) {
		fixture_set(&f->ev.tdx, span_of(quote, sizeof(quote)));
		memcpy(f->ev.tdx.p + 568, f->ev.snp.p + 0x50, 64);
	}
}

static const struct row policies[] = {
	{ .name = "no report", .policy = LOGGED CA, RIGHT,
	  .says = "root sim; valid until" },
	{ .name = "SNP, its root not named", .hook = fixture_with_snp,
	  .policy = LOGGED CA, RIGHT, .says = "root sim; SEV-SNP Milan, TCB "
	  "4.0.24.219, whose root the policy does not name" },
	{ .name = "both named", .hook = fixture_with_snp,
	  .policy = LOGGED CA AMD, RIGHT,
	  .says = "SEV-SNP Milan, TCB 4.0.24.219 under amd" },
	{ .name = "AMD's alone named", .hook = fixture_with_snp,
	  .policy = LOGGED AMD, ACCEPTED, .says = "the policy names no image" },
	{ .name = "AMD's and another CA named", .hook = fixture_with_snp,
	  .policy = LOGGED OTHER_CA AMD, ACCEPTED,
	  .says = "the policy names no image" },
	{ .name = "AMD's alone named, no report", .policy = LOGGED AMD,
	  REFUSED, .says = "is not in the policy" },
	{ .name = "neither named", .hook = fixture_with_snp,
	  .policy = LOGGED OTHER_CA, REFUSED, .says = "is not in the policy" },
	{ .name = "confidential asked for, no report",
	  .policy = LOGGED CA AMD CONFIDENTIAL, REFUSED,
	  .says = "requires a confidential VM" },
	{ .name = "confidential asked for", .hook = fixture_with_snp,
	  .policy = LOGGED CA AMD CONFIDENTIAL },
	{ .name = "confidential asked for, AMD's alone named",
	  .hook = fixture_with_snp, .policy = LOGGED AMD CONFIDENTIAL,
	  ACCEPTED, .says = "the policy names no image" },
	{ .name = "confidential asked for, another CA named",
	  .hook = fixture_with_snp,
	  .policy = LOGGED OTHER_CA AMD CONFIDENTIAL, REFUSED,
	  .says = "is not in the policy" },
	{ .name = "confidential asked for, AMD's not named",
	  .hook = fixture_with_snp, .policy = LOGGED CA CONFIDENTIAL,
	  REFUSED, .says = "whose root the policy does not name" },
	{ .name = "confidential asked for, another root of AMD's named",
	  .hook = fixture_with_snp,
	  .policy = LOGGED CA "ak-root amd-milan milan\n" CONFIDENTIAL,
	  REFUSED, .says = "whose root the policy does not name" },
	{ .name = "confidential asked for, TDX", .hook = fixture_with_tdx,
	  .policy = LOGGED CA AMD CONFIDENTIAL, REFUSED,
	  .says = "TDX quote present and bound, not verified" },
	{ .name = "TDX", .hook = fixture_with_tdx, .policy = LOGGED CA AMD,
	  RIGHT, .says = "TDX quote present and bound, not verified" },
	{ .name = "an HCL report alone", EVERY(snp_absent),
	  .policy = LOGGED CA AMD, RIGHT,
	  .says = "hardware report is not verified" },
	{ .name = "an HCL report alone, confidential asked for",
	  EVERY(snp_absent), .policy = LOGGED CA AMD CONFIDENTIAL, REFUSED,
	  .says = "hardware report is not verified" },
	{ .name = "signed by another ID key", .hook = fixture_with_snp,
	  .policy = LOGGED CA "ak-root @ark amd snp\n" CONFIDENTIAL, REFUSED,
	  .says = "running what no id-key of amd signed" },
	{ .name = "as new as asked for", .hook = fixture_with_snp,
	  .policy = LOGGED CA "ak-root @ark amd snp tcb 4.0.24.219 id-key "
	  "@idkey\n" CONFIDENTIAL },
	{ .name = "an older bootloader than asked for",
	  .hook = fixture_with_snp,
	  .policy = LOGGED CA "ak-root @ark amd snp tcb 5.0.24.219 id-key "
	  "@idkey\n" CONFIDENTIAL, REFUSED, .says = "below the TCB" },
	{ .name = "an older TEE than asked for", .hook = fixture_with_snp,
	  .policy = LOGGED CA "ak-root @ark amd snp tcb 4.1.24.219 id-key "
	  "@idkey\n" CONFIDENTIAL, REFUSED, .says = "below the TCB" },
	{ .name = "an older SNP firmware than asked for",
	  .hook = fixture_with_snp,
	  .policy = LOGGED CA "ak-root @ark amd snp tcb 4.0.25.219 id-key "
	  "@idkey\n" CONFIDENTIAL, REFUSED, .says = "below the TCB" },
	{ .name = "an older microcode than asked for",
	  .hook = fixture_with_snp,
	  .policy = LOGGED CA "ak-root @ark amd snp tcb 4.0.24.220 id-key "
	  "@idkey\n" CONFIDENTIAL, REFUSED, .says = "below the TCB" },
	{ .name = "an older FMC than asked for", .hook = turin,
	  .policy = LOGGED CA "ak-root @ark amd snp tcb 2.2.3.4.5 id-key "
	  "@idkey\n" CONFIDENTIAL, REFUSED, .says = "below the TCB" },
	{ .name = "Turin", .hook = turin,
	  .policy = LOGGED CA AMD CONFIDENTIAL, RIGHT,
	  .says = "SEV-SNP Turin, TCB 1.2.3.4.5 under amd" },
	{ .name = "version 2", .hook = version_2,
	  .policy = LOGGED CA AMD CONFIDENTIAL },
	{ .name = "version 5", .hook = version_5,
	  .policy = LOGGED CA AMD CONFIDENTIAL },
	{ .name = "an author key", .hook = author_key,
	  .policy = LOGGED CA AMD CONFIDENTIAL },
	{ .name = "an ASK's signature by RSASSA", .hook = vcek_rsassa,
	  .policy = LOGGED CA AMD CONFIDENTIAL },
	{ .name = "an AK called one for encryption, as in 2023",
	  .hook = ak_encrypts, .policy = LOGGED CA AMD CONFIDENTIAL },
	{ .name = "claims that are not known here", .hook = claims_more,
	  .policy = LOGGED CA AMD CONFIDENTIAL },
};

static void
roots(void **state)
{
	(void)state;
	rows_run(ROWS(policies));
}


static const struct row hcl_rows[] = {
	{ .name = "another magic", EVERY(hcl_magic), REPORT,
	  .says = "HCL report: the header" },
	{ .name = "another version", EVERY(hcl_version), REPORT,
	  .says = "HCL report: the header" },
	{ .name = "another size", EVERY(hcl_size), REPORT,
	  .says = "HCL report: the description" },
	{ .name = "another request", EVERY(hcl_request), REPORT,
	  .says = "HCL report: the header" },
	{ .name = "a status", EVERY(hcl_status), REPORT,
	  .says = "HCL report: the header" },
	{ .name = "reserved bytes", EVERY(hcl_reserved), REPORT,
	  .says = "HCL report: the header" },
	{ .name = "another kind of report", EVERY(hcl_kind), REPORT,
	  .says = "HCL report: the description" },
	{ .name = "another hash", EVERY(hcl_hash), REPORT,
	  .says = "HCL report: the description" },
	{ .name = "another length of the claims", EVERY(hcl_length), REPORT,
	  .says = "HCL report: the description" },
	{ .name = "a byte after the zeros", EVERY(hcl_padding), REPORT,
	  .says = "HCL report: the claims' length" },
	{ .name = "cut off", EVERY(hcl_cut), REPORT,
	  .says = "HCL report: the description" },
	{ .name = "claims of another digest", .hook = claims_other, REPORT,
	  .says = "report_data is not the SHA-256 of the claims" },
	{ .name = "TDX: claims of another digest", .hook = td_claims_other,
	  REPORT, .says = "report_data is not the SHA-256 of the claims" },
	{ .name = "an AK that is not RSA", .hook = ak_not_rsa, REPORT,
	  .says = "exactly one RSA key HCLAkPub" },
	{ .name = "an AK of another exponent", .hook = ak_exponent, REPORT,
	  .says = "exactly one RSA key HCLAkPub" },
	{ .name = "no AK", .hook = no_ak, REPORT,
	  .says = "exactly one RSA key HCLAkPub" },
	{ .name = "two AKs", .hook = two_aks, REPORT,
	  .says = "exactly one RSA key HCLAkPub" },
	{ .name = "a member twice", .hook = kid_twice, REPORT,
	  .says = "no strict JSON" },
	{ .name = "claims cut off", .hook = claims_cut, REPORT,
	  .says = "no strict JSON" },
	{ .name = "another AK", .hook = names_other,
	  .policy = LOGGED CA AMD, .step = VERIFY_AK_PUBLIC,
	  .status = VERIFY_FAILED, .says = "HCL report names another AK" },
	{ .name = "TDX: another AK", .hook = td_names_other,
	  .policy = LOGGED CA AMD, .step = VERIFY_AK_PUBLIC,
	  .status = VERIFY_FAILED, .says = "HCL report names another AK" },
	{ .name = "SNP without HCL report", EVERY(hcl_absent), REPORT,
	  .says = "without the HCL report" },
	{ .name = "TDX without HCL report", EVERY(td_alone), REPORT,
	  .says = "without the HCL report" },
	{ .name = "a TDX quote of other claims", .hook = td_quote_other,
	  REPORT, .says = "TDX quote is not bound" },
	{ .name = "a TDX quote beside an SNP report", EVERY(td_of_snp),
	  REPORT, .says = "TDX quote is not bound" },
	{ .name = "a TDX quote of version 3", EVERY(td_version), REPORT,
	  .says = "none of version 4 or 5" },
	{ .name = "a quote of SGX", EVERY(td_sgx), REPORT,
	  .says = "none of version 4 or 5" },
};

static void
hcl_reports(void **state)
{
	(void)state;
	rows_run(ROWS(hcl_rows));
}

static const struct row snp_rows[] = {
	{ .name = "another report than the HCL report's",
	  .hook = signed_twice, REPORT,
	  .says = "SNP report is not the HCL report's" },
	{ .name = "a byte less", EVERY(snp_cut), REPORT,
	  .says = "SNP report is not the HCL report's" },
	{ .name = "version 1", .hook = version_1, REPORT,
	  .says = "version 2 to 5" },
	{ .name = "version 6", .hook = version_6, REPORT,
	  .says = "version 2 to 5" },
	{ .name = "reserved bytes at the head", .hook = reserved_head, REPORT,
	  .says = "reserved bytes" },
	{ .name = "reserved bytes before the chip", .hook = reserved_middle,
	  REPORT, .says = "reserved bytes" },
	{ .name = "reserved bytes at the end", .hook = reserved_end, REPORT,
	  .says = "reserved bytes" },
	{ .name = "bytes after the signature", EVERY(after_signature), REPORT,
	  .says = "reserved bytes" },
	{ .name = "another algorithm", .hook = algorithm, REPORT,
	  .says = "not signed with ECDSA P-384" },
	{ .name = "by a VLEK", .hook = by_vlek, REPORT,
	  .says = "unmasked VCEK" },
	{ .name = "masked chip", .hook = masked, REPORT,
	  .says = "unmasked VCEK" },
	{ .name = "reserved bits of the signer", .hook = signer_reserved,
	  REPORT, .says = "unmasked VCEK" },
	{ .name = "VMPL 1", .hook = vmpl_1, REPORT, .says = "not of VMPL 0" },
	{ .name = "VMPL 2", .hook = vmpl_2, REPORT, .says = "not of VMPL 0" },
	{ .name = "debug", .hook = debug, REPORT,
	  .says = "lets the host debug the guest" },
	{ .name = "a guest policy without its one bit", .hook = no_one_bit,
	  REPORT, .says = "lets the host debug the guest" },
	{ .name = "migration", .hook = migrate, REPORT,
	  .says = "lets an agent take the guest elsewhere" },
	{ .name = "another chip", .hook = other_chip, REPORT,
	  .says = "another chip's" },
	{ .name = "a VCEK of no chip", .hook = no_chip, REPORT,
	  .says = "another chip's" },
	{ .name = "Turin: another chip", .hook = turin_chip, REPORT,
	  .says = "another chip's" },
	{ .name = "another bootloader", .hook = other_bootloader, REPORT,
	  .says = "another TCB" },
	{ .name = "another TEE", .hook = other_tee, REPORT,
	  .says = "another TCB" },
	{ .name = "another SNP firmware", .hook = other_snp, REPORT,
	  .says = "another TCB" },
	{ .name = "another microcode", .hook = other_microcode, REPORT,
	  .says = "another TCB" },
	{ .name = "a negative microcode", .hook = odd_microcode, REPORT,
	  .says = "another TCB" },
	{ .name = "Turin: another FMC", .hook = turin_fmc, REPORT,
	  .says = "another TCB" },
	{ .name = "another product", .hook = naples, REPORT,
	  .says = "not a VCEK of Milan, Genoa or Turin" },
	{ .name = "no product", .hook = no_product, REPORT,
	  .says = "not a VCEK of Milan, Genoa or Turin" },
	{ .name = "signed by another key", .hook = other_key, REPORT,
	  .says = "signature does not hold" },
	{ .name = "a bit of the signature", EVERY(signature_bit), REPORT,
	  .says = "signature does not hold" },
	{ .name = "a number beyond the curve", EVERY(signature_beyond),
	  REPORT, .says = "signature does not hold" },
	{ .name = "a bit of what is signed", EVERY(signed_bit), REPORT,
	  .says = "signature does not hold" },
	{ .name = "a VCEK by another ASK", .hook = ask_other, REPORT,
	  .says = "SNP report: the chain does not verify" },
	{ .name = "an ASK by another ARK", .hook = ark_other, REPORT,
	  .says = "SNP report: the chain does not verify" },
	{ .name = "an expired VCEK", .hook = vcek_expired, REPORT,
	  .says = "at certificate 1: certificate has expired" },
	{ .name = "an ASK of later", .hook = ask_later, REPORT,
	  .says = "at certificate 2: certificate is not yet valid" },
	{ .name = "an ASK signed with SHA-1", .hook = ask_sha1, REPORT,
	  .says = "digest algorithm too weak" },
	{ .name = "an ASK that is no CA", .hook = ask_no_ca, REPORT,
	  .says = "invalid CA certificate" },
	{ .name = "ASK and ARK swapped", EVERY(ask_last), REPORT,
	  .says = "SNP report: the chain" },
	{ .name = "VCEK and ASK swapped", EVERY(vcek_second), REPORT,
	  .says = "SNP report: " },
};

static void
snp_reports(void **state)
{
	(void)state;
	rows_run(ROWS(snp_rows));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots),
		cmocka_unit_test(hcl_reports),
		cmocka_unit_test(snp_reports),
	};

	return rows_main("verify_cvm", ROWS(tests));
}
