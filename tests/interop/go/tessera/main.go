// tessera reads a log with Tessera's client and checks the whole of it with
// its fsck.
//
// usage: tessera URL VKEY OLD-CHECKPOINT
//
// Exit code: 0 all hold, 1 not.
package main

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"os"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
)

func check(err error, doing string) {
	if err != nil {
		log.Fatalf("%s: %v", doing, err)
	}
}

// leafHashes are those of the entries of a bundle.
func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var all [][]byte
	for _, e := range b.Entries {
		all = append(all, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return all, nil
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("tessera: ")
	ctx := context.Background()
	at, err := url.Parse(os.Args[1])
	check(err, "the URL")
	v, err := fnote.NewVerifier(os.Args[2])
	check(err, "the log's key")
	old, err := os.ReadFile(os.Args[3])
	check(err, "reading the old checkpoint")
	var src fsck.Fetcher
	if at.Scheme == "file" {
		src = &client.FileFetcher{Root: at.Path}
	} else {
		src, err = client.NewHTTPFetcher(at, nil)
		check(err, "the fetcher")
	}

	// The tracker starts at the old checkpoint and proves the way to today's.
	tracker, err := client.NewLogStateTracker(ctx, src.ReadTile, old, v,
		v.Name(), client.UnilateralConsensus(src.ReadCheckpoint))
	check(err, "the old checkpoint")
	before := tracker.Latest()
	_, grown, _, err := tracker.Update(ctx)
	check(err, "the growth")
	now := tracker.Latest()
	check(proof.VerifyConsistency(rfc6962.DefaultHasher, before.Size, now.Size,
		grown, before.Hash, now.Hash), "the proof of growth")

	// Every entry has a proof that leads to the root.
	builder, err := client.NewProofBuilder(ctx, now.Size, src.ReadTile)
	check(err, "the proofs")
	for i := uint64(0); i < now.Size; i += 7 {
		b, err := client.GetEntryBundle(ctx, src.ReadEntryBundle, i/256, now.Size)
		check(err, "an entry bundle")
		path, err := builder.InclusionProof(ctx, i)
		check(err, "an inclusion proof")
		check(proof.VerifyInclusion(rfc6962.DefaultHasher, i, now.Size,
			rfc6962.DefaultHasher.HashLeaf(b.Entries[i%256]), path, now.Hash),
			"an entry")
	}
	check(fsck.New(v.Name(), v, src, leafHashes, fsck.Opts{N: 2}).Check(ctx),
		"fsck")
	fmt.Printf("growth from %d to %d; fsck is clean\n", before.Size, now.Size)
}
