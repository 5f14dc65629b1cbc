/*
 * verify.js -- @sigstore/verify accepts lines 1 and 2 of a certificate, with
 * the registry's trusted root and the builder's key, and refuses them bent.
 *
 * usage: node verify.js DIR, where producer.py says what is in DIR.
 * Exit code: 0 passed, 1 failed.
 */
"use strict";

const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot } = require("@sigstore/protobuf-specs");
const { toSignedEntity, toTrustMaterial, Verifier } =
	require("@sigstore/verify");

const dir = process.argv[2];
const read = (name) => fs.readFileSync(path.join(dir, name), "utf8");
const root = JSON.parse(read("trusted_root.json"));
const key = crypto.createPublicKey(read("builder.pub"));
const hint = crypto.createHash("sha256")
	.update(key.export({ type: "spki", format: "der" })).digest("base64");
const options = { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 };
let failures = 0;

function findKey(asked) {
	if (asked !== hint)
		throw new Error("no key for the hint " + asked);
	return { publicKey: key, validFor: () => true };
}

function verify(bundle, trusted) {
	const material = toTrustMaterial(TrustedRoot.fromJSON(trusted), findKey);
	new Verifier(material, options).verify(
		toSignedEntity(bundleFromJSON(bundle)));
}

/* One check: says is a pattern of the refusal, or null for none. */
function expect(name, says, bundle, trusted) {
	let got = null;

	try {
		verify(bundle, trusted);
	} catch (e) {
		got = e.code ? `${e.code}: ${e.message}` : e.message;
	}
	const good = says === null ? got === null :
		got !== null && says.test(got);
	if (!good)
		failures++;
	console.log(good ? "ok  " : "FAIL", name,
		good && got === null ? "" : `(${got === null ? "accepted" : got})`);
}

/* A copy of x in which change was made. */
function bent(x, change) {
	const copy = JSON.parse(JSON.stringify(x));

	change(copy);
	return copy;
}

function flip(b64, at) {
	const bytes = Buffer.from(b64, "base64");

	bytes[at] ^= 1;
	return bytes.toString("base64");
}

const lines = read("model/aicert.jsonl").trimEnd().split("\n").map(JSON.parse);
const entryOf = (b) => b.verificationMaterial.tlogEntries[0];

for (const [i, line] of lines.slice(0, 2).entries()) {
	const n = `line ${i + 1}`;

	expect(n, null, line, root);
	expect(`${n}, payload changed`, /digest mismatch/, bent(line, (b) => {
		b.dsseEnvelope.payload = flip(b.dsseEnvelope.payload, 30);
	}), root);
	expect(`${n}, signature changed`, /signature mismatch/, bent(line, (b) => {
		const s = b.dsseEnvelope.signatures[0];
		s.sig = flip(s.sig, 20);
	}), root);
	expect(`${n}, entry of the other line`, /mismatch/, bent(line, (b) => {
		b.verificationMaterial.tlogEntries = [entryOf(lines[1 - i])];
	}), root);
	expect(`${n}, proof changed`, /calculated root hash/, bent(line, (b) => {
		const h = entryOf(b).inclusionProof.hashes;
		h[0] = flip(h[0], 0);
	}), root);
	expect(`${n}, checkpoint changed`, /invalid checkpoint/, bent(line, (b) => {
		const c = entryOf(b).inclusionProof.checkpoint;
		c.envelope = c.envelope.replace(/\n(\d+)\n/, "\n1$1\n");
	}), root);
	expect(`${n}, not logged`, /expected 1 tlog entries/, bent(line, (b) => {
		b.verificationMaterial.tlogEntries = [];
	}), root);
	expect(`${n}, another builder's hint`, /no key for the hint/,
		bent(line, (b) => {
			b.verificationMaterial.publicKey.hint = flip(hint, 0);
		}), root);
	expect(`${n}, another log's key`, /invalid checkpoint/, line,
		bent(root, (r) => {
			r.tlogs[0].publicKey.rawBytes = crypto
				.generateKeyPairSync("ed25519").publicKey
				.export({ type: "spki", format: "der" })
				.toString("base64");
		}));
}
process.exit(failures ? 1 : 0);
