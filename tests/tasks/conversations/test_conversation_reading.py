"""The readers of published forms, on tiny files written here in those forms, and every complaint about a file."""

import json

import pytest

from minires.tasks.conversations import FORMATS, Utterance, make_vocabulary, read, word_ids
from minires.tasks.conversations.multiwoz import domain

MELD = ('Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n'
        '1,Tea?,Ann,neutral,neutral,0,0,8,21,"00:16:16,059","00:16:21,731"\n'
        '2,"No, coffee\u2019s better",Bob,disgust,negative,0,2,8,21,"00:16:21,940","00:16:23,442"\n'
        '3,"Oh!\nReally?",Ann,surprise,positive,3,0,8,21,"00:16:23,442","00:16:26,389"\n')
CSV = ("Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n"
       "\"Tea, then?\",['Ann Lee'],Joyful,1,2,1,10,00:00:02.877,00:00:07.548\n"
       "Both!,\"['Ann Lee', 'Bob Ray']\",Mad,1,10,1,10,00:00:02.877,00:00:07.548\n"
       "Out!,['Bob Ray'],Sad,1,1,1,9,00:00:02.877,00:00:07.548\n")
EMORY = {"season_id": "trn", "episodes": [{"episode_id": "s01_e02", "scenes": [
    {"scene_id": "s01_e02_c01", "utterances": [
        {"utterance_id": "s01_e02_c01_u001", "speakers": ["Ann Lee"], "transcript": "Tea?", "tokens": [["Tea", "?"]],
         "emotion": "Joyful"},
        {"utterance_id": "s01_e02_c01_u002", "speakers": ["Ann Lee", "Bob Ray"], "transcript": "No!", "tokens": [],
         "emotion": "Mad"}]},
    {"scene_id": "s01_e02_c03", "utterances": [
        {"utterance_id": "s01_e02_c03_u001", "speakers": [], "transcript": "Well.", "tokens": [], "emotion": "Neutral"}]}]}]}
WOZ_21 = {"SNG01.json": {"goal": {}, "log": [
    {"text": "A cheap room?", "metadata": {}, "dialog_act": {"general-greet": [["none", "none"]], "Hotel-Inform": []},
     "span_info": []},
    {"text": "Booked.", "metadata": {}, "dialog_act": {"general-reqmore": [], "Booking-Book": []}},
    {"text": "Hm.", "metadata": {}, "dialog_act": {}}]},
    "MUL02.json": {"goal": {}, "log": [{"text": "A train?", "dialog_act": {"Train-Request": [], "Hotel-Inform": []}},
                                       {"text": "One.", "dialog_act": "No Annotation"}]},
    "MUL03.json": {"goal": {},
                   "log": [{"text": "Bye", "metadata": {}}, {"text": "Hotel?", "dialog_act": {"Hotel-Request": []}}]}}
WOZ_22 = [{"dialogue_id": "SNG01.json", "services": ["hotel"], "turns": [
    {"frames": [], "speaker": "USER", "turn_id": "0", "utterance": "A cheap room?"},
    {"frames": [], "speaker": "SYSTEM", "turn_id": "1", "utterance": "Sure."}]}]
ACTS = {"SNG01.json": {"0": {"dialog_act": {"Hotel-Inform": [["price", "cheap"]]}, "span_info": []}},
        "SNG02.json": {"0": {"dialog_act": {"Hotel-Request": []}, "span_info": []}}}
LINES = [{"conversation": "a", "text": "Tea?", "label": "ask", "speaker": "Ann"},
         {"conversation": 7, "text": "Out!", "label": "say"},
         {"conversation": "a", "text": "No.", "label": None}, {"conversation": "a", "text": "Ok", "label": "say", "other": 1}]
WORDS = ("Ses01F_impro01_F000 [006.2901-008.2357]: Tea?\nF: [LAUGHTER]\nSes01F_impro01_M000 [007.5712-010.4750]: No.\n"
         "Ses01F_impro01_MXX0 [011.0000-012.0000]: Hm.\nSes01F_impro01_F001 [012.0000-013.5000]: Why not?\n")
JUDGED = ("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
          "[6.2901 - 8.2357]\tSes01F_impro01_F000\texc\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\nA-E3:\tval 3;\t()\n\n"
          "[7.5712 - 10.4750]\tSes01F_impro01_M000\txxx\t[2.5000, 2.5000, 2.5000]\n"
          "[12.0000 - 13.5000]\tSes01F_impro01_F001\tfru\t[2.5000, 2.5000, 2.5000]\n")
JSONL = "\n".join(map(json.dumps, LINES)) + "\n"


@pytest.fixture
def write(tmp_path):
    """write({name: text, bytes or what JSON holds}) -> the folder; a single content -> the file."""
    def written(files, name=None):
        if not isinstance(files, dict) or name:
            return f"{written({name: files})}/{name}"
        for path, content in files.items():
            path = tmp_path / path
            path.parent.mkdir(parents=True, exist_ok=True)
            content = content if isinstance(content, (str, bytes)) else json.dumps(content)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path)
    return written


def iemocap(sessions=(1, 5), words=WORDS, judged=JUDGED):
    return {f"Session{s}/dialog/{folder}/Ses01F_impro0{s}.txt": text for s in sessions
            for folder, text in (("transcriptions", words), ("EmoEvaluation", judged))}


def labels(corpus, split="train"):
    return [[u.label for u in c.utterances] for c in corpus.splits[split]]


def names(corpus):
    return {split: [c.name for c in conversations] for split, conversations in corpus.splits.items()}


# ---- MELD ------------------------------------------------------------------------------------------------------------

def test_meld_dialogues_are_utterances_in_the_order_of_their_numbers_gaps_allowed(write):
    corpus = read(write(MELD, "train_sent_emo.csv"), "meld")
    assert corpus.name == "MELD" and corpus.labels == ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
    assert names(corpus) == {"train": ["train_0", "train_3"]}
    assert corpus.splits["train"][0].utterances == (Utterance("Tea?", "neutral", "Ann"),
                                                    Utterance("No, coffee\u2019s better", "disgust", "Bob"))
    assert corpus.splits["train"][1].utterances == (Utterance("Oh!\nReally?", "surprise", "Ann"),)


def test_the_order_of_the_rows_and_of_the_columns_does_not_matter_for_meld(write):
    rows = [("No.", "Bob", "anger", 12, 10), ("Yes.", "Ann", "joy", 12, 9), ("Tea?", "Ann", "joy", 2, 1)]
    text = "Dialogue_ID,Emotion,Utterance_ID,Utterance,Speaker\n" + "".join(f"{d},{e},{u},{t},{s}\n" for t, s, e, d, u in rows)
    corpus = read(write("\ufeff" + text, "mine.csv"), "meld")
    assert names(corpus) == {"train": ["train_2", "train_12"]} and labels(corpus) == [["joy"], ["joy", "anger"]]


def test_meld_splits_are_told_by_the_published_file_names(write):
    folder = write({"train_sent_emo.csv": MELD, "test_sent_emo.csv": MELD, "other.csv": "x"})
    assert names(read(folder, "meld")) == {"train": ["train_0", "train_3"], "test": ["test_0", "test_3"]}
    assert list(read(f"{folder}/test_sent_emo.csv", "meld").splits) == ["test"]


@pytest.mark.parametrize("text", [MELD.replace("\u2019", "\x92"), MELD.encode("windows-1252"), "\ufeff" + MELD,
                                  MELD.replace("\n", "\r\n"), MELD + "\n\n"],
                         ids=["control characters", "bytes", "byte order mark", "windows", "blank end"])
def test_meld_is_read_however_its_punctuation_and_lines_are_written(write, text):
    corpus = read(write(text, "train_sent_emo.csv"), "meld")
    assert corpus.splits["train"][0].utterances[1] == Utterance("No, coffee\u2019s better", "disgust", "Bob")
    assert corpus.splits["train"][1].utterances[0].text == "Oh!\nReally?"
    assert "coffee's" in make_vocabulary(corpus).ids


# ---- EmoryNLP --------------------------------------------------------------------------------------------------------

def test_emorynlp_scenes_are_read_from_json(write):
    corpus = read(write({"emotion-detection-trn.json": EMORY}), "emorynlp")
    assert corpus.name == "EmoryNLP" and names(corpus) == {"train": ["s01_e02_c01", "s01_e02_c03"]}
    assert corpus.labels == ("Sad", "Mad", "Scared", "Powerful", "Peaceful", "Joyful", "Neutral")
    assert corpus.splits["train"][0].utterances == (Utterance("Tea?", "Joyful", "Ann Lee"),
                                                    Utterance("No!", "Mad", "Ann Lee, Bob Ray"))
    assert corpus.splits["train"][1].utterances == (Utterance("Well.", "Neutral", None),)


def test_emorynlp_scenes_are_read_from_csv_by_season_episode_and_scene_in_the_order_of_numbers(write):
    corpus = read(write({"emorynlp_train_final.csv": CSV}), "emorynlp_csv")
    assert names(corpus) == {"train": ["s01_e09_c01", "s01_e10_c01"]} and labels(corpus) == [["Sad"], ["Joyful", "Mad"]]
    assert corpus.splits["train"][1].utterances[1] == Utterance("Both!", "Mad", "Ann Lee, Bob Ray")


def test_emorynlp_splits_are_told_by_the_published_names_of_the_json_files(write):
    files = {f"emotion-detection-{part}.json": json.dumps(EMORY).replace("s01_", f"{part}_") for part in ("tst", "dev", "trn")}
    assert names(read(write(files), "emorynlp")) == {
        "train": ["trn_e02_c01", "trn_e02_c03"], "dev": ["dev_e02_c01", "dev_e02_c03"], "test": ["tst_e02_c01", "tst_e02_c03"]}


def test_emorynlp_splits_are_told_by_the_published_names_of_the_csv_files(write):
    files = {f"emorynlp_{part}_final.csv": CSV.replace(",1,10,00", f",{season},10,00").replace(",1,9,00", f",{season},9,00")
             for season, part in enumerate(("dev", "test", "train"), 2)}
    assert names(read(write(files), "emorynlp_csv")) == {
        "train": ["s04_e09_c01", "s04_e10_c01"], "dev": ["s02_e09_c01", "s02_e10_c01"], "test": ["s03_e09_c01", "s03_e10_c01"]}


def test_a_scene_in_two_splits_is_refused(write):
    with pytest.raises(ValueError, match=r"^2 conversations are called 's01_e02_c01': expected a name of its own for each"):
        read(write({"emotion-detection-trn.json": EMORY, "emotion-detection-tst.json": EMORY}), "emorynlp")


# ---- MultiWOZ --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("acts, expected", [
    (["Train-Request", "Hotel-Inform"], "train"), (["general-bye", "Taxi-Inform"], "taxi"),
    (["general-bye", "Booking-Book"], "booking"),
    (["Booking-Book", "general-bye", "Attraction-Select", "Hotel-Inform"], "attraction"), (["general-bye"], "general"),
    ([], None)])
def test_the_domain_is_that_of_the_first_service_then_booking_then_general(acts, expected):
    assert domain(dict.fromkeys(acts, [])) == expected


def test_multiwoz_2_1_is_split_by_its_lists_and_turns_without_acts_have_no_label(write):
    dialogues = {**WOZ_21, "MUL04.json": {"goal": {}, "log": [{"text": "Off"}]}}
    files = {"data.json": dialogues, "valListFile.txt": "MUL04.json", "testListFile.txt": "MUL03.json\n"}
    corpus = read(write(files), "multiwoz")
    assert names(corpus) == {"train": ["SNG01.json", "MUL02.json"], "test": ["MUL03.json"], "dev": ["MUL04.json"]}
    assert labels(corpus) == [["hotel", "booking", None], ["train", None]] and labels(corpus, "test") == [[None, "hotel"]]
    assert [u.speaker for u in corpus.splits["train"][0].utterances] == ["user", "system", "user"]
    assert corpus.splits["train"][0].utterances[0].text == "A cheap room?" and corpus.labels == ("booking", "hotel", "train")


def test_multiwoz_2_1_without_lists_is_for_training_and_lists_may_be_called_json(write):
    folder = write({"data.json": WOZ_21})
    assert names(read(f"{folder}/data.json", "multiwoz")) == {"train": list(WOZ_21)}
    write({"valListFile.json": "MUL03.json\n", "testListFile.json": " "})
    with pytest.raises(ValueError, match=r"testListFile.json' is empty: expected text$"):
        read(folder, "multiwoz")
    more = json.loads(json.dumps(WOZ_21).replace("MUL03", "MUL04"))
    write({"data.json": {**WOZ_21, **more}, "testListFile.json": "MUL04.json"})
    assert names(read(f"{folder}/data.json", "multiwoz")) == {"train": ["SNG01.json", "MUL02.json"], "dev": ["MUL03.json"],
                                                              "test": ["MUL04.json"]}


def test_multiwoz_2_2_takes_the_acts_from_their_own_file(write):
    other = json.loads(json.dumps(WOZ_22).replace("SNG01", "SNG02"))
    third = json.loads(json.dumps(WOZ_22).replace("SNG01", "SNG03"))
    folder = write({"dialog_acts.json": ACTS, "train/dialogues_002.json": third, "train/dialogues_001.json": WOZ_22,
                    "test/dialogues_001.json": other, "train/schema.json": []})
    corpus = read(folder, "multiwoz")
    assert names(corpus) == {"train": ["SNG01.json", "SNG03.json"], "test": ["SNG02.json"]}
    assert labels(corpus) == [["hotel", None], [None, None]] and labels(corpus, "test") == [["hotel", None]]
    assert corpus.splits["train"][0].utterances[1] == Utterance("Sure.", None, "system")


# ---- IEMOCAP ---------------------------------------------------------------------------------------------------------

def test_iemocap_keeps_turns_without_a_class_as_history_and_tests_on_session_5(write):
    folder = write({**iemocap(), "Session1/dialog/EmoEvaluation/Attribute/Ses01F_impro01_e2_atr.txt": "x",
                    "Session1/dialog/transcriptions/._Ses01F_impro01.txt": b"\x00\x05\x16\x07",
                    "Session1/dialog/transcriptions/readme.txt": WORDS})
    six, four = read(folder, "iemocap"), read(folder, "iemocap_4")
    assert names(six) == names(four) == {"train": ["Ses01F_impro01"], "test": ["Ses01F_impro05"]}
    assert labels(six) == [["excited", None, None, "frustrated"]] and labels(four) == [["happy", None, None, None]]
    assert [u.text for u in six.splits["train"][0].utterances] == ["Tea?", "No.", "Hm.", "Why not?"]
    assert [u.speaker for u in six.splits["train"][0].utterances] == ["F", "M", "M", "F"]
    assert six.labels == ("excited", "frustrated") and six.name == "IEMOCAP"


def test_iemocap_reads_scripted_dialogs_too(write):
    words, judged = (text.replace("impro01", "script02_1") for text in (WORDS, JUDGED))
    assert labels(read(write(iemocap((2,), words, judged)), "iemocap")) == [["excited", None, None, "frustrated"]]


# ---- JSON lines ------------------------------------------------------------------------------------------------------

def test_json_lines_keep_the_order_of_the_lines_of_a_conversation(write):
    corpus = read(write(JSONL, "talk.jsonl"), "jsonl")
    assert corpus.name == "talk.jsonl" and names(corpus) == {"train": ["a", "7"]} and corpus.labels == ("ask", "say")
    assert corpus.splits["train"][0].utterances == (Utterance("Tea?", "ask", "Ann"), Utterance("No.", None),
                                                    Utterance("Ok", "say"))


def test_json_lines_are_split_by_their_field_or_by_the_names_of_the_files(write):
    splits = ("test", "train", "dev", "train")
    lines = [{"conversation": i, "text": "x", "label": "y", "split": split} for i, split in enumerate(splits)]
    corpus = read(write("\n".join(map(json.dumps, lines)), "test.jsonl"), "jsonl")
    assert names(corpus) == {"train": ["1", "3"], "dev": ["2"], "test": ["0"]}
    assert list(corpus.splits) == ["train", "dev", "test"]
    files = {f"{split}.jsonl": json.dumps({"conversation": split, "text": "x", "label": "y"}) for split in ("test", "train")}
    assert names(read(write(files), "jsonl")) == {"train": ["train"], "test": ["test"]}


# ---- complaints ------------------------------------------------------------------------------------------------------

def changed(old, new, text=None):
    """A file with one change; what is changed stands in it."""
    text = JSONL if text is None else text if isinstance(text, str) else json.dumps(text)
    assert old in text
    return text.replace(old, new, 1)


BROKEN = [
    ("meld", MELD.replace("Emotion", "Feeling"),
     r"line 1 has 0 columns 'Emotion': expected one each of Utterance, Speaker, Emo"),
    ("meld", MELD.replace("Sentiment", "Emotion"), r"line 1 has 2 columns 'Emotion': expected one each of"),
    ("meld", changed("surprise", "suprise", MELD),
     r"^unknown Emotion in .*line 5, 'suprise': did you mean 'surprise'\? choose from"),
    ("meld", changed("Tea?", " ", MELD), r"line 2, field 'Utterance' is ' ': expected words$"),
    ("meld", changed("0,0,8", "0,x,8", MELD), r"line 2, field 'Utterance_ID' is 'x': expected a whole number$"),
    ("meld", changed("0,0,8", "-1,0,8", MELD), r"line 2, field 'Dialogue_ID' is '-1': expected a whole number$"),
    ("meld", changed("0,2,8", "0,0,8", MELD), r"line 3 is utterance 0 of a conversation that has one: expected each once$"),
    ("meld", changed(",8,21", ",8", MELD), r"line 2 has 10 cells: expected 11 as the header$"),
    ("meld", changed(",8,21", ",8,21,3", MELD), r"line 2 has 12 cells: expected 11 as the header$"),
    ("meld", MELD + '"1', r"line 6 is not CSV \(unexpected end of data\): expected cells separated by commas$"),
    ("meld", MELD.split("\n")[0], r"has a header and no rows: expected utterances$"),
    ("meld", b"Dialogue_ID\n\x81\xff", r"line 2 is not utf-8 nor windows-1252, at byte 12: expected text in utf-8$"),
    ("meld", b"", r"is empty: expected text$"), ("meld", " \n\n", r"is empty: expected text$"),
    ("emorynlp_csv", changed("['Ann Lee']", "Ann Lee", CSV), r"line 2, field 'Speaker': expected a list of names, such as"),
    ("emorynlp_csv", changed("Mad", "Madd", CSV),
     r"^unknown Emotion in .*line 3, 'Madd': did you mean 'Mad'\? choose from Sad"),
    ("emorynlp_csv", CSV.encode() + b"\x92", r"line 5 is not utf-8, at byte \d+: expected text in utf-8$"),
    ("emorynlp_csv", changed("Both!", "", CSV), r"line 3, field 'Utterance' is '': expected words$"),
    ("emorynlp", changed('"transcript": "No!", ', "", EMORY),
     r"episode 1, scene 1, utterance 2 lacks the field 'transcript': it has utterance_id, speakers, tokens, emotion$"),
    ("emorynlp", changed('"No!"', "3", EMORY), r"scene 1, utterance 2, field 'transcript' is '3': expected a text$"),
    ("emorynlp", changed('"No!"', '""', EMORY), r"scene 1, utterance 2, field 'transcript' is '': expected words$"),
    ("emorynlp", changed('"Mad"', '"Maddd"', EMORY),
     r"^unknown emotion in .*scene 1, utterance 2, 'Maddd': did you mean 'Mad'"),
    ("emorynlp", changed('["Ann Lee"]', "[1]", EMORY), r"utterance 1, field 'speakers': expected a list of names"),
    ("emorynlp", changed('"scenes"', '"scene"', EMORY), r"episode 1 lacks the field 'scenes': it has episode_id, scene$"),
    ("emorynlp", {"season_id": "x", "episodes": []}, r"has no scenes: expected one at least$"),
    ("emorynlp", {"season_id": "x", "episodes": [{"scenes": [{"scene_id": "a", "utterances": []}]}]},
     r"episode 1, scene 1 has no utterances: expected one at least$"),
    ("emorynlp", {"season_id": "x", "episodes": [3]}, r"episode 1 is '3': expected an object with the field 'scenes'$"),
    ("emorynlp", json.dumps(EMORY)[:-30], r"line 1 is not JSON \(.*\): expected JSON$"),
    ("emorynlp", changed('"episode_id"', '"scenes"', EMORY),
     r"has a key twice in one object, 'scenes': expected keys that differ$"),
    ("emorynlp", '{"season_id": ' + "[" * 100000, r"is nested too deeply: expected conversations in JSON$"),
    ("jsonl", changed(', "label": "say"', ""), r"line 2 lacks the field 'label': it has conversation, text$"),
    ("jsonl", changed('"text"', '"txt"'), r"line 1 lacks the field 'text': it has conversation, txt, label, speaker$"),
    ("jsonl", changed('"Out!"', '"\\n"'), r"line 2, field 'text' is '\\n': expected words$"),
    ("jsonl", changed('"say"', "3"), r"line 2, field 'label' is '3': expected a text or null$"),
    ("jsonl", changed('"say"', '" "'), r"line 2, field 'label' is ' ': expected the name of a class, or null$"),
    ("jsonl", changed("7", "true"), r"line 2, field 'conversation' is 'True': expected a text or a whole number$"),
    ("jsonl", changed('"other": 1', '"split": "dew"'),
     r"^unknown split in .*line 4, 'dew': did you mean 'dev'\? choose from train"),
    ("jsonl", changed('"other": 1', '"split": "dev"'), r"^2 conversations are called 'a': expected a name of its own"),
    ("jsonl", changed("}", ""), r"line 1 is not JSON \(.*\): expected JSON$"),
    ("jsonl", JSONL + "[1]", r"line 5 is '\[1\]': expected an object with the field 'conversation'$"),
    ("jsonl", changed('"text": "Out!"', '"text": "Out!", "text": "a"'),
     r"line 2 has a key twice in one object, 'text': expected"),
    ("jsonl", JSONL.replace('"ask"', "null").replace('"say"', "null"), r"has no label in its training split: expected some"),
    ("jsonl", JSONL.encode() + b"\n\n\xff", r"line 7 is not utf-8, at byte \d+: expected text in utf-8$"),
    ("multiwoz", changed('"text": "Booked."', '"text": ""', WOZ_21),
     r"'SNG01.json', turn 1, field 'text' is '': expected words$"),
    ("multiwoz", changed('"text": "Booked.", ', "", WOZ_21),
     r"dialogue 'SNG01.json', turn 1 lacks the field 'text': it has meta"),
    ("multiwoz", changed('"No Annotation"', "3", WOZ_21),
     r"'MUL02.json', turn 1, field 'dialog_act' is '3': expected an object"),
    ("multiwoz", {"a": {"goal": {}}}, r"dialogue 'a' lacks the field 'log': it has goal$"),
    ("multiwoz", {"a": {"goal": {}, "log": []}}, r"^conversation 'a' is empty: expected one utterance at least$"),
    ("multiwoz", {"a": {"log": [{"text": "x"}]}}, r"^MultiWOZ has no label in its training split: expected"),
    ("multiwoz", [{"dialogue_id": 1}], r": expected an object of dialogues$"),
]


@pytest.mark.parametrize("format, content, message", BROKEN, ids=[f"{f} {m[:50]}" for f, _, m in BROKEN])
def test_a_broken_file_is_refused_in_one_line_that_says_where(write, format, content, message):
    path = write(content, "mine.file")
    with pytest.raises(ValueError, match=message) as refused:
        read(path, format)
    assert "\n" not in str(refused.value)
    assert "mine.file" in str(refused.value) or "conversation" in str(refused.value) or "MultiWOZ" in str(refused.value)


@pytest.mark.parametrize("files, message", [
    ({"valListFile.txt": "a.json"}, r"beside .*data.json' there is no testListFile.txt: expected both lists or none"),
    ({"valListFile.txt": "a.json", "testListFile.txt": "SNG01.json"},
     r"^the list of dev beside .* names 'a.json': expected a dialogue"),
    ({"valListFile.txt": "SNG01.json", "testListFile.txt": "SNG01.json"}, r"^dialogue 'SNG01.json' stands twice in the lists")])
def test_lists_of_multiwoz_that_do_not_fit_are_refused(write, files, message):
    with pytest.raises(ValueError, match=message):
        read(write({"data.json": WOZ_21, **files}), "multiwoz")


@pytest.mark.parametrize("files, message", [
    ({"dialog_acts.json": ACTS}, r": expected dialogues_001.json ... in the folders train, dev, test$"),
    ({"dialog_acts.json": [], "train/dialogues_001.json": WOZ_22}, r"dialog_acts.json': expected an object of dialogues$"),
    ({"dialog_acts.json": ACTS, "train/dialogues_001.json": {}}, r"dialogues_001.json': expected a list of dialogues$"),
    ({"dialog_acts.json": {"SNG01.json": []}, "train/dialogues_001.json": WOZ_22},
     r"field 'SNG01.json' is '\[\]': expected an obj"),
    ({"dialog_acts.json": {"SNG01.json": {"1": {"dialogue_acts": {}}}}, "train/dialogues_001.json": WOZ_22},
     r"^dialog_acts.json of .*dialogue 'SNG01.json', turn 1 lacks the field 'dialog_act': it has dialogue_acts$"),
    ({"dialog_acts.json": ACTS, "train/dialogues_001.json": changed('"turn_id"', '"turn"', WOZ_22)},
     r"dialogue 'SNG01.json', turn 0 lacks the field 'turn_id': it has frames, speaker, turn, utterance$"),
    ({"dialog_acts.json": ACTS, "train/dialogues_001.json": changed("Sure.", "  ", WOZ_22)},
     r"turn 1, field 'utterance' is '  '")])
def test_a_broken_folder_of_multiwoz_2_2_is_refused(write, files, message):
    with pytest.raises(ValueError, match=message):
        read(write(files), "multiwoz")


def test_a_part_of_multiwoz_2_2_is_refused(write):
    for name in ("dialogues_001.json", "dialog_acts.json"):
        with pytest.raises(ValueError, match=rf"{name}' is a part of MultiWOZ 2.2: expected the folder that holds dialog_acts"):
            read(write(WOZ_22, name), "multiwoz")


@pytest.mark.parametrize("words, judged, message", [
    (WORDS.replace("[007.5712-010.4750]", ""), JUDGED,
     r"line 3 is 'Ses01F_impro01_M000 : No.': expected a turn, such as 'Ses01F"),
    (WORDS.replace("M000", "F000"), JUDGED,
     r"line 3 is turn Ses01F_impro01_F000, which stands there already: expected each once$"),
    (WORDS.replace(": No.", ": "), JUDGED, r"line 3, field 'text' is '': expected words$"),
    (WORDS, JUDGED.replace("fru", "frx"), r"^unknown emotion in .*EmoEvaluation.*line 8, 'frx': did you mean 'fru'\? choose"),
    (WORDS, JUDGED.replace("\tfru", " fru"),
     r"line 8 is '\[12.0000 - 13.5000\]\\tSes01F_impro01_F001 ': expected \[start - end\]"),
    (WORDS, JUDGED.replace("M000", "F000"), r"line 7 is turn Ses01F_impro01_F000, which stands there already"),
    (WORDS, JUDGED.replace("M000", "M009"),
     r"^EmoEvaluation/Ses01F_impro01.txt judges turn 'Ses01F_impro01_M009': expected a turn"),
    ("M: Tea?\n", "% nothing\n", r"has no turns: expected lines such as"), (WORDS, "", r"EmoEvaluation.* is empty: expected"),
    (WORDS, JUDGED.replace("exc", "sur").replace("fru", "oth"), r"^IEMOCAP has no label in its training split: expected some")])
def test_a_broken_dialog_of_iemocap_is_refused(write, words, judged, message):
    with pytest.raises(ValueError, match=message):
        read(write(iemocap((1,), words, judged)), "iemocap")


def test_a_dialog_of_iemocap_without_emotions_is_refused(write):
    files = {path: text for path, text in iemocap((1,)).items() if "EmoEvaluation" not in path}
    with pytest.raises(ValueError,
                       match=r"EmoEvaluation.Ses01F_impro01.txt' cannot be read \(No such file or directory\): expected"):
        read(write(files), "iemocap")


# ---- formats ---------------------------------------------------------------------------------------------------------

FILES = {"emorynlp": {"emotion-detection-trn.json": EMORY}, "emorynlp_csv": {"emorynlp_train_final.csv": CSV},
         "meld": {"train_sent_emo.csv": MELD}, "multiwoz": {"data.json": WOZ_21}, "jsonl": {"train.jsonl": JSONL},
         "iemocap": iemocap((1,)), "iemocap_4": iemocap((1,))}


def test_every_format_of_the_catalogue_is_tested_here():
    assert set(FILES) == set(FORMATS)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("real", FILES)
@pytest.mark.parametrize("given", FILES)
def test_a_wrong_format_is_told_from_the_file_and_from_the_folder(write, given, real, single):
    path = write(FILES[real])
    path = f"{path}/{next(iter(FILES[real]))}" if single else path
    if given[:7] == real[:7] == "iemocap" and single:
        with pytest.raises(ValueError, match="is no folder: expected the one that holds Session1 to Session5"):
            read(path, given)
    elif given == real or given[:7] == real[:7] == "iemocap":
        assert "train" in read(path, given).splits
    else:
        with pytest.raises(ValueError,
                           match=rf"looks like {real[:7]}.*: given format='{given}', expected '{real[:7]}") as refused:
            read(path, given)
        assert len(str(refused.value).splitlines()) == 1


def test_a_folder_with_two_formats_is_read_as_either(write):
    folder = write({**FILES["emorynlp"], **FILES["emorynlp_csv"]})
    assert len(read(folder, "emorynlp").splits["train"][0].utterances) == 2
    assert len(read(folder, "emorynlp_csv").splits["train"][0].utterances) == 1
    with pytest.raises(ValueError, match=r"looks like emorynlp or emorynlp_csv: given format='meld', expected 'emorynlp'$"):
        read(folder, "meld")


@pytest.mark.parametrize("format", FORMATS)
def test_a_missing_path_an_empty_file_and_a_foreign_folder_are_refused_by_every_format(write, format):
    folder = write({"nothing.txt": "", "sub/readme.md": "hello"})
    with pytest.raises(ValueError,
                       match=r"(cannot be read \(No such file or directory\): expected a file|is no folder: expected)"):
        read(f"{folder}/absent.csv", format)
    with pytest.raises(ValueError, match=r"(is empty: expected text|is no folder: expected)"):
        read(f"{folder}/nothing.txt", format)
    with pytest.raises(ValueError, match=r"^folder .*(has none of the published files|has no Session1|expected data.json)"):
        read(f"{folder}/sub", format)


@pytest.mark.parametrize("path, format, message", [
    ("x", "mled", r"^unknown format 'mled': did you mean 'meld'\? choose from emorynlp, emorynlp_csv, meld, multiwoz, iemocap"),
    ("x", None, r"^unknown format None: "), (3, "meld", r"^path=3: expected the path of a file or a folder$"),
    (None, "meld", r"^path=None: expected"), ("a\0b", "meld", r"cannot be read \(embedded null byte\): expected a file$"),
    ("a\0b", "iemocap", r"is no folder: expected the one")])
def test_what_is_no_path_and_no_format_is_refused(path, format, message):
    with pytest.raises(ValueError, match=message):
        read(path, format)


def test_the_ids_of_a_read_corpus_follow_its_words(write):
    corpus = read(write(JSONL, "talk.jsonl"), "jsonl")
    assert word_ids(make_vocabulary(corpus), "tea? no!") == [8, 4, 5, 2]
