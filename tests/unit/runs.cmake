headwise_test(runs_test SOURCES runs/candidates_test.cc runs/dataset_test.cc runs/qrels_test.cc runs/record_names_test.cc
                                runs/run_reader_test.cc runs/run_writer_test.cc runs/text_lines_test.cc
              LABELS no-tsan)
