// sumdb reads a log with the packages that Go's checksum database is read
// with: note for checkpoints, tlog for tiles, leaves and proofs.
//
// usage: sumdb URL VKEY OLD-CHECKPOINT < LINES
//
// OLD-CHECKPOINT is a file with an earlier checkpoint of the log; LINES is an
// aicert.jsonl, each line logged.  Exit code: 0 all hold, 1 not.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

func check(err error, doing string) {
	if err != nil {
		log.Fatalf("%s: %v", doing, err)
	}
}

func get(url string) ([]byte, error) {
	r, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, r.Status)
	}
	return io.ReadAll(r.Body)
}

// openCheckpoint checks the signature of a checkpoint and reads its tree.
func openCheckpoint(signed []byte, v note.Verifier) (tlog.Tree, error) {
	var tree tlog.Tree
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != v.Name() {
		return tree, fmt.Errorf("not three lines under origin %q", v.Name())
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// tiles reads the tiles of a log as tlog wants them.
type tiles struct{ url string }

func (tiles) Height() int                      { return tileHeight }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// path is that of C2SP tlog-tiles, which does not name the height.
func (t tiles) path(tile tlog.Tile) string {
	p := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tile.H))
	return t.url + "/tile/" + strings.Replace(p, "data/", "entries/", 1)
}

func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range want {
		data, err := get(t.path(tile))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// entries reads every leaf of a log.
func entries(t tiles, size int64) [][]byte {
	var all [][]byte
	for first := int64(0); first < size; first += 256 {
		width := int(min(256, size-first))
		data, err := get(t.path(tlog.Tile{
			H: tileHeight, L: -1, N: first / 256, W: width}))
		check(err, "reading the entries")
		for len(data) >= 2 {
			n := int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:2+n])
			data = data[2+n:]
		}
	}
	return all
}

// line is what a logged line of an aicert.jsonl says of its entry.
type line struct {
	VerificationMaterial struct {
		TlogEntries []struct {
			LogIndex          string
			CanonicalizedBody []byte
			InclusionProof    struct {
				Hashes     [][]byte
				Checkpoint struct{ Envelope string }
			}
		}
	}
}

func checkLine(text []byte, v note.Verifier) int64 {
	var l line
	check(json.Unmarshal(text, &l), "reading a line")
	if len(l.VerificationMaterial.TlogEntries) != 1 {
		log.Fatal("a line without its one log entry")
	}
	e := l.VerificationMaterial.TlogEntries[0]
	index, err := strconv.ParseInt(e.LogIndex, 10, 64)
	check(err, "reading logIndex")
	tree, err := openCheckpoint([]byte(e.InclusionProof.Checkpoint.Envelope), v)
	check(err, "the checkpoint of a line")
	var proof tlog.RecordProof
	for _, h := range e.InclusionProof.Hashes {
		proof = append(proof, tlog.Hash(h))
	}
	check(tlog.CheckRecord(proof, tree.N, tree.Hash, index,
		tlog.RecordHash(e.CanonicalizedBody)), "the proof of a line")
	return index
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("sumdb: ")
	url := os.Args[1]
	v, err := note.NewVerifier(os.Args[2])
	check(err, "the log's key")
	signed, err := get(url + "/checkpoint")
	check(err, "fetching the checkpoint")
	tree, err := openCheckpoint(signed, v)
	check(err, "the checkpoint")

	// Every leaf, by its bundle, is in the tree of the checkpoint.
	hashes := tlog.TileHashReader(tree, tiles{url})
	leaves := entries(tiles{url}, tree.N)
	for i, leaf := range leaves {
		proof, err := tlog.ProveRecord(tree.N, int64(i), hashes)
		check(err, "proving an entry from the tiles")
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(i),
			tlog.RecordHash(leaf)), "an entry in its bundle")
	}

	// The log only grew.
	old, err := os.ReadFile(os.Args[3])
	check(err, "reading the old checkpoint")
	before, err := openCheckpoint(old, v)
	check(err, "the old checkpoint")
	grown, err := tlog.ProveTree(tree.N, before.N, hashes)
	check(err, "proving the growth from the tiles")
	check(tlog.CheckTree(grown, tree.N, tree.Hash, before.N, before.Hash),
		"the growth")

	// What the registry answered is proven by what it answered.
	lines := 0
	in := bufio.NewReader(os.Stdin)
	for {
		text, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(text)) > 0 {
			index := checkLine(text, v)
			body := lineBody(text)
			if !bytes.Equal(body, leaves[index]) {
				log.Fatalf("line and bundle differ at index %d", index)
			}
			lines++
		}
		if err == io.EOF {
			break
		}
		check(err, "reading lines")
	}
	fmt.Printf("checkpoint of size %d (root %s), %d entries, growth from %d, "+
		"%d answered lines\n", tree.N,
		base64.StdEncoding.EncodeToString(tree.Hash[:]), len(leaves), before.N,
		lines)
}

func lineBody(text []byte) []byte {
	var l line
	check(json.Unmarshal(text, &l), "reading a line")
	return l.VerificationMaterial.TlogEntries[0].CanonicalizedBody
}
