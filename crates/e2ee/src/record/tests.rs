use super::{ARCHIVED_SESSIONS_MAX, FORM, SessionRecord, StoredRecord, StoredRecordError};
use crate::session::SessionError;
use prost::Message;

#[test]
fn an_empty_record_comes_back_and_has_no_session() {
    let record = SessionRecord::from_bytes(&SessionRecord::empty().to_bytes()).expect("a record");
    assert!(!record.has_current());
    assert_eq!(record.current().err(), Some(SessionError::NoSession));
}

#[test]
fn what_is_none_of_the_form_is_refused() {
    let refused = |stored: StoredRecord| {
        let read = SessionRecord::from_bytes(&stored.encode_to_vec());
        assert_eq!(read.err(), Some(StoredRecordError));
    };
    refused(StoredRecord {
        form: FORM + 1,
        ..StoredRecord::default()
    });
    refused(StoredRecord {
        form: FORM,
        current: None,
        archived: vec![vec![]; ARCHIVED_SESSIONS_MAX + 1],
    });
    assert!(SessionRecord::from_bytes(&[0xff]).is_err());
    assert!(SessionRecord::from_bytes(&[]).is_err(), "no form");
}

#[test]
fn a_session_that_cannot_be_read_is_an_error() {
    let stored = StoredRecord {
        form: FORM,
        current: Some(vec![1, 2, 3]),
        archived: vec![],
    };
    let record = SessionRecord::from_bytes(&stored.encode_to_vec()).expect("its form is right");
    assert_eq!(record.current().err(), Some(SessionError::Corrupt));
}
